import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { versionSchema } from '../../../src/model/archive/version.ts';
import { EntryFault, objectPath } from '../../../src/model/manifest/entry.ts';
import { checkLinkTargets, entriesOf } from '../../../src/model/manifest/merge.ts';
import { Records, type TextSource } from '../../../src/model/manifest/records.ts';
import type { RawRecord } from './draft.ts';
import { readManifest } from './plain-reader.ts';
import { orderOf } from './tree.ts';

/** What may lie in a host's folder of the archive: each name with its type, and its mode. */
const OURS: readonly [RegExp, 'folder' | 'file', number][] = [
  [/^(?:objects|versions|incoming)$/, 'folder', 0o700],
  [/^(?:state\.json|seen|returned|\.lock|\.in-use)$/, 'file', 0o600],
  [/^objects\/[0-9a-f]{2}$/, 'folder', 0o700],
  [/^objects\/[0-9a-f]{2}\/[0-9a-f]{62}$/, 'file', 0o400],
  [/^versions\/\d{4}-\d\d-\d\dT\d{6}Z\.(?:json|mtree|mtree\.gz)$/, 'file', 0o400],
  [/^incoming\/[0-9a-f]{32}(?:\/objects(?:\/[0-9a-f]{2})?)?$/, 'folder', 0o700],
  [/^incoming\/[0-9a-f]{32}\/objects\/[0-9a-f]{2}\/[0-9a-f]{62}$/, 'file', 0o400],
  [/^incoming\/[0-9a-f]{32}\/manifest$/, 'file', 0o400],
  [/^incoming\/[0-9a-f]{32}\/(?:delta|journal|working|big-\d{1,15}|twice)$/, 'file', 0o600],
  [/^incoming\/[0-9a-f]{32}\/big-\d{1,15}\.done$/, 'file', 0o600],
];

/** What a run that was killed may have left beside. */
const LEFT: readonly [RegExp, 'folder' | 'file', number][] = [
  [/^(?:state\.json|incoming\/[0-9a-f]{32}\/journal)\.new$/, 'file', 0o600],
  [/^versions\/\d{4}-\d\d-\d\dT\d{6}Z\.(?:json|mtree\.gz)\.new$/, 'file', 0o400],
  [/^incoming\/[0-9a-f]{32}\/(?:big-\d{1,15}|twice)$/, 'file', 0o400],
];

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Tells every path below a folder, none followed. */
function walk(folder: string, tell: (path: string) => void, below = ''): void {
  for (const entry of readdirSync(`${folder}/${below}`, {
    withFileTypes: true,
    encoding: 'latin1' as 'utf8',
  })) {
    tell(below + entry.name);
    if (entry.isDirectory()) walk(folder, tell, `${below}${entry.name}/`);
  }
}

/** What a folder holds, so that any change of it shows. */
export function lookOf(folder: string): string {
  const looks: string[] = [];
  walk(folder, (path) => {
    const { mode, size, mtimeMs, ctimeMs, ino } = lstatSync(`${folder}/${path}`);
    looks.push(`${path} ${mode} ${size} ${mtimeMs} ${ctimeMs} ${ino}`);
  });
  return looks.join('\n');
}

/** The text of a version's manifest. */
function manifestOf(folder: string, version: string): string {
  const path = join(folder, 'versions', `${version}.mtree`);
  const plain = lstatSync(path, { throwIfNoEntry: false }) === undefined ? undefined : readFileSync(path);
  return (plain ?? gunzipSync(readFileSync(`${path}.gz`))).toString('latin1');
}

const sourceOf = (text: string): TextSource => {
  let given = false;
  return () => {
    if (given) return undefined;
    given = true;
    return text;
  };
};

/** A host's folder of the archive, held against all that must be true of it. Faults are told in words. */
export class HostFolder {
  readonly folder: string;
  /** Objects whose content was found right. */
  readonly #right = new Set<string>();
  /** Versions that were gone through, with the objects they name. */
  readonly #versions = new Map<string, Map<string, number>>();

  constructor(folder: string) {
    this.folder = folder;
  }

  versions(): string[] {
    const names = readdirSync(join(this.folder, 'versions'));
    return [...new Set(names.flatMap((name) => /^(.+)\.mtree(?:\.gz)?$/.exec(name)?.[1] ?? []))].sort();
  }

  manifest(version: string): string {
    return manifestOf(this.folder, version);
  }

  records(version: string): RawRecord[] {
    return readManifest(this.manifest(version)).map(({ path, lines }) => ({ path, lines }));
  }

  /** How many objects the pool has. */
  objects(): number {
    let count = 0;
    walk(join(this.folder, 'objects'), (path) => {
      if (path.includes('/')) count++;
    });
    return count;
  }

  holds(object: string): boolean {
    return lstatSync(join(this.folder, objectPath(object)), { throwIfNoEntry: false }) !== undefined;
  }

  object(object: string): Buffer {
    return readFileSync(join(this.folder, objectPath(object)));
  }

  /** Everything that is wrong with it. */
  faults(wasKilled = false): string[] {
    const found: string[] = [];
    const objects = new Map<string, number>();
    walk(this.folder, (path) => {
      const fault = this.#nameFault(path, wasKilled, objects);
      if (fault !== undefined) found.push(fault);
    });
    for (const version of this.versions()) found.push(...this.#versionFaults(version, objects));
    return found;
  }

  /** Forgets what was found right, so that everything is looked at once more. */
  forget(): void {
    this.#right.clear();
    this.#versions.clear();
  }

  #nameFault(path: string, wasKilled: boolean, objects: Map<string, number>): string | undefined {
    const stat = lstatSync(`${this.folder}/${path}`);
    const type = stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'something else';
    const mode = stat.mode & 0o7777;
    const rules = wasKilled ? [...OURS, ...LEFT] : OURS;
    if (!rules.some(([name, ofType, ofMode]) => ofMode === mode && ofType === type && name.test(path)))
      return `${JSON.stringify(path)} is ${type} of mode ${mode.toString(8)}`;
    if (type === 'file' && stat.nlink !== 1) return `${path} has ${stat.nlink} links`;
    const object = /(?:^|\/)objects\/([0-9a-f]{2})\/([0-9a-f]{62})$/.exec(path);
    // What a killed run left in the making has no right content yet, and is never taken as it is.
    if (object === null || (wasKilled && path.startsWith('incoming/'))) return undefined;
    const name = `${object[1]}${object[2]}`;
    if (path.startsWith('objects/')) objects.set(name, stat.size);
    const key = `${path} ${stat.ino} ${stat.mtimeMs}`;
    if (this.#right.has(key)) return undefined;
    if (sha256(readFileSync(`${this.folder}/${path}`)) !== name)
      return `${path} has another content than its name`;
    this.#right.add(key);
    return undefined;
  }

  #versionFaults(version: string, objects: ReadonlyMap<string, number>): string[] {
    const known = this.#versions.get(version);
    if (known !== undefined) return objectFaults(version, known, objects);
    const text = this.manifest(version);
    const named = new Map<string, number>();
    try {
      for (const { object, size } of readManifest(text)) if (object !== undefined) named.set(object, size);
      const targets = new Set<string>();
      let last = '';
      for (const entry of entriesOf(new Records(sourceOf(text)))) {
        if (entry.kind === 'link') targets.add(entry.target);
        if (last !== '' && orderOf(last, entry.path) >= 0) return [`${version}: paths out of order`];
        last = entry.path;
      }
      checkLinkTargets(new Records(sourceOf(text)), targets);
    } catch (thrown) {
      if (thrown instanceof Error)
        return [`${version}: ${thrown instanceof EntryFault ? 'refused: ' : ''}${thrown.message}`];
      throw thrown;
    }
    const record = versionSchema.safeParse(
      JSON.parse(readFileSync(join(this.folder, 'versions', `${version}.json`), 'utf8')),
    );
    if (!record.success) return [`${version}: its record is none: ${record.error.message}`];
    if (record.data.manifest.sha256 !== sha256(Buffer.from(text, 'latin1')))
      return [`${version}: its record is of another manifest`];
    this.#versions.set(version, named);
    return objectFaults(version, named, objects);
  }
}

function objectFaults(
  version: string,
  named: ReadonlyMap<string, number>,
  objects: ReadonlyMap<string, number>,
): string[] {
  return [...named].flatMap(([object, size]) => {
    const held = objects.get(object);
    if (held === size) return [];
    return [
      `${version}: ${object} is ${held === undefined ? 'missing' : `of ${held} bytes`}, ${size} are named`,
    ];
  });
}
