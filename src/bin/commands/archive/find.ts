import { EntryFault } from '../../../model/manifest/entry.ts';
import { shownPath } from '../../../model/manifest/shown-name.ts';
import { entryJson, entryLine } from '../../../report/entry-line.ts';
import { byteSize } from '../../../report/figures.ts';
import { findEntries, type Life, Lives, type PathMatcher, pathMatcher } from '../../../restore/find-paths.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { EXIT, type ExitCode } from '../../terminal.ts';
import {
  holdingHost,
  type OpenedHost,
  pickVersion,
  refuse,
  refuseManifest,
  type VersionOptions,
} from './archive-options.ts';
import { JsonList } from './json-list.ts';

/** Options of `find`. */
export interface FindOptions extends VersionOptions {
  all?: boolean;
  ignoreCase?: boolean;
}

/** Most finds of a search through all versions. */
const MOST_LIVES = 100_000;

/** Calls `take` for each entry of a version that matches. */
function eachMatch(
  { reader, account, shown }: OpenedHost,
  version: string,
  matches: PathMatcher,
  take: (entry: Life['entry']) => void,
): void {
  const manifest = reader.openManifest(account, version);
  try {
    for (const entry of findEntries(manifest.next, matches)) take(entry);
  } catch (thrown) {
    if (thrown instanceof EntryFault) refuseManifest(shown, version, thrown.message);
    throw thrown;
  } finally {
    manifest.close();
  }
}

function findInOne(
  host: OpenedHost,
  matches: PathMatcher,
  options: FindOptions,
  context: ArchiveContext,
): number {
  const opened = pickVersion(host, options.at, context);
  const list = options.json === true ? new JsonList(context.terminal) : undefined;
  const { offset } = context.now();
  let found = 0;
  eachMatch(host, opened.version.name, matches, (entry) => {
    found++;
    if (list === undefined) context.terminal.out(entryLine(entry, shownPath(entry.path), offset));
    else list.add(entryJson(entry));
  });
  list?.end();
  return found;
}

function lifeLine({ entry, first, last }: Life): string {
  const what =
    entry.kind === 'file'
      ? `${byteSize(entry.size).padStart(8)} ${entry.object.slice(0, 12)}`
      : entry.kind.padStart(21);
  return `${first}  ${last}  ${what}  ${shownPath(entry.path)}\n`;
}

function findInAll(
  host: OpenedHost,
  matches: PathMatcher,
  options: FindOptions,
  context: ArchiveContext,
): number {
  const { terminal } = context;
  const versions = host.reader.versions(host.account);
  const lives = new Lives();
  for (const { name } of versions) {
    lives.begin(name);
    eachMatch(host, name, matches, (entry) => {
      lives.take(entry);
      if (lives.all.length > MOST_LIVES)
        refuse(
          'too-many',
          { host: host.shown },
          `the pattern matches more than ${MOST_LIVES} contents`,
          'they are held in memory until the last version is read',
          'write a narrower pattern, or look at one version by --at',
        );
    });
  }
  if (options.json === true) {
    const list = new JsonList(terminal);
    for (const { entry, first, last } of lives.all) list.add({ ...entryJson(entry), first, last });
    list.end();
  } else if (lives.all.length > 0) {
    const sorted = [...lives.all].sort((one, other) =>
      one.entry.path < other.entry.path
        ? -1
        : one.entry.path > other.entry.path
          ? 1
          : one.first < other.first
            ? -1
            : 1,
    );
    terminal.out(`${'FIRST SEEN'.padEnd(18)}  ${'LAST SEEN'.padEnd(18)}  ${'CONTENT'.padStart(21)}  PATH\n`);
    for (const life of sorted) terminal.out(lifeLine(life));
  }
  return lives.all.length;
}

/** `find HOST PATTERN`: paths of one version, or what they were through all. Exit code 1 when there is none. */
export async function findCommand(
  name: string,
  pattern: string,
  options: FindOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  return holdingHost(options, name, context, (host) => {
    const matches = pathMatcher(pattern, options.ignoreCase === true);
    const search = options.all === true ? findInAll : findInOne;
    const found = search(host, matches, options, context);
    if (found > 0) return EXIT.fine;
    context.terminal.err('nothing matches\n');
    return EXIT.problems;
  });
}
