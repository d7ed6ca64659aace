import { type Entry, EntryFault, type FileEntry } from '../../../model/manifest/entry.ts';
import { entriesOf } from '../../../model/manifest/merge.ts';
import { Records } from '../../../model/manifest/records.ts';
import { shownName, shownPath } from '../../../model/manifest/shown-name.ts';
import { printable } from '../../../model/problem.ts';
import { entryJson, entryLine } from '../../../report/entry-line.ts';
import { checkedObject } from '../../../restore/checked-object.ts';
import { manifestPath, manifestPathOfShown } from '../../../restore/selection.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { EXIT, type ExitCode } from '../../terminal.ts';
import {
  type OpenedVersion,
  refuse,
  refuseManifest,
  type VersionOptions,
  withVersion,
} from './archive-options.ts';
import { JsonList } from './json-list.ts';

/** Options of `ls`. */
export interface LsOptions extends VersionOptions {
  recursive?: boolean;
  namesOnly?: boolean;
}

/** Goes through a version's entries, and ends the command where one is none. */
export function* entriesOfVersion({ reader, account, version, shown }: OpenedVersion): Generator<Entry> {
  const manifest = reader.openManifest(account, version.name);
  try {
    yield* entriesOf(new Records(manifest.next));
  } catch (thrown) {
    if (thrown instanceof EntryFault) refuseManifest(shown, version.name, thrown.message);
    throw thrown;
  } finally {
    manifest.close();
  }
}

function refusePath({ shown, version }: OpenedVersion, path: string): never {
  const name = printable(path.slice(path.lastIndexOf('/') + 1));
  refuse(
    'path-unknown',
    { host: shown },
    `${version.name} does not hold ${printable(path)}`,
    'a version holds what its host had then, but for what its policy excludes',
    `look for it: brinicle find ${shown} "${name}" --all`,
  );
}

/** The entry of a path, as it is written or as it is shown. */
function entryAt(opened: OpenedVersion, written: string): Entry {
  const wanted = new Set([manifestPath(written), manifestPathOfShown(written)]);
  for (const entry of entriesOfVersion(opened)) if (wanted.has(entry.path)) return entry;
  refusePath(opened, written);
}

/** Prints entries one by one, as lines or as JSON. */
function entryPrinter(options: LsOptions, context: ArchiveContext): (entry: Entry, name: string) => void {
  const { offset } = context.now();
  if (options.namesOnly === true) return (_, name) => context.terminal.out(`${name}\n`);
  return (entry, name) => context.terminal.out(entryLine(entry, name, offset));
}

/** What lies in a folder, each with the name to show. */
function* entriesInside(
  opened: OpenedVersion,
  inside: string,
  recursive: boolean,
): Generator<[Entry, string]> {
  let met = false;
  for (const entry of entriesOfVersion(opened)) {
    if (entry.path.startsWith(inside)) {
      met = true;
      const below = entry.path.slice(inside.length);
      if (recursive) yield [entry, shownPath(entry.path)];
      else if (!below.includes('/')) yield [entry, shownName(below)];
    } else if (met) {
      // What lies in a folder stands together.
      return;
    }
  }
}

/** `ls HOST [PATH]`: a folder's entries, or all below it. */
export async function lsCommand(
  host: string,
  path: string,
  options: LsOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  return withVersion(options, host, context, (opened) => {
    const top = entryAt(opened, path);
    const list = options.json === true ? new JsonList(context.terminal) : undefined;
    const line = entryPrinter(options, context);
    const print = (entry: Entry, name: string): void => {
      if (list === undefined) line(entry, name);
      else list.add(entryJson(entry));
    };
    if (top.kind === 'folder')
      for (const [entry, name] of entriesInside(opened, `${top.path}/`, options.recursive === true))
        print(entry, name);
    else print(top, shownPath(top.path));
    list?.end();
    return EXIT.fine;
  });
}

/** What a terminal would obey is escaped; a file's content is the host's word. */
function terminalWriter(context: ArchiveContext): (bytes: Uint8Array) => Promise<void> {
  const decoder = new TextDecoder('utf-8');
  return async (bytes) => {
    const text = decoder.decode(bytes, { stream: true });
    const lines = text
      .split('\n')
      .map((line) => line.split('\t').map((part) => printable(part, part.length)));
    context.terminal.out(lines.map((parts) => parts.join('\t')).join('\n'));
  };
}

function fileOf(opened: OpenedVersion, entry: Entry, path: string): FileEntry {
  if (entry.kind === 'file') return entry;
  if (entry.kind === 'link') {
    for (const target of entriesOfVersion(opened))
      if (target.path === entry.target && target.kind === 'file') return target;
  }
  const what = entry.kind === 'symlink' ? `a symlink to ${shownName(entry.target)}` : `a ${entry.kind}`;
  refuse(
    'path-kind',
    { host: opened.shown },
    `${printable(path)} is ${what}`,
    'only a regular file has a content',
    entry.kind === 'folder' ? `see brinicle ls ${opened.shown} ${printable(path)}` : 'name the file itself',
  );
}

/** `cat HOST PATH`: a file's content, checked before a byte of it is printed. */
export async function catCommand(
  host: string,
  path: string,
  options: VersionOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  return withVersion(options, host, context, async (opened) => {
    const file = fileOf(opened, entryAt(opened, path), path);
    if (file.sealed && context.outIsTerminal)
      refuse(
        'terminal-binary',
        { host: opened.shown },
        `${printable(path)} is sealed, and standard output is a terminal`,
        'its host encrypted it, so that the backup server cannot read it',
        `where the private key is: brinicle cat ${opened.shown} ${printable(path)} | gpg --decrypt`,
      );
    const found = checkedObject({ archive: opened.reader, account: opened.account }, file.object, file.size);
    if ('fault' in found)
      refuse(
        'object-damaged',
        { host: opened.shown },
        `${printable(path)}: ${found.fault}`,
        'no wrong byte may be given for a right one',
        'take it from another version (brinicle find --all) or from the ice',
      );
    try {
      const out = context.out();
      await found.object.send(context.outIsTerminal ? terminalWriter(context) : (bytes) => out.write(bytes));
    } finally {
      found.object.close();
    }
    if (file.sealed) context.terminal.err('sealed: gpg --decrypt opens it, where the private key is\n');
    return EXIT.fine;
  });
}
