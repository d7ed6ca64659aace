import { DigestSet, objectOfRecord } from '../model/manifest/digest-set.ts';
import { Records } from '../model/manifest/records.ts';
import { comparePaths } from '../model/manifest/spelling.ts';
import type { HeldVersion, HostArchive } from './ports.ts';

/** The object that a tree has at a path, when the tree is gone through in order. */
class Beside {
  readonly #records: Records | undefined;

  constructor(records: Records | undefined) {
    this.#records = records;
    records?.skipHeader();
    records?.advance();
  }

  /** Whether it has the object at the path. Paths must come in order. */
  has(path: string, object: string): boolean {
    const records = this.#records;
    if (records === undefined) return false;
    while (records.present && comparePaths(records.path, path) < 0) records.advance();
    return records.present && records.path === path && objectOfRecord(records.lines) === object;
  }
}

function addAll(archive: HostArchive, version: HeldVersion | undefined, into: DigestSet): void {
  if (version === undefined) return;
  const records = new Records(archive.manifest(version));
  records.skipHeader();
  while (records.advance()) {
    const object = objectOfRecord(records.lines);
    if (object !== undefined) into.add(object);
  }
}

/** Objects of a version that its two neighbours have not at the same path: few, when versions follow each other. */
function candidates(
  archive: HostArchive,
  version: HeldVersion,
  neighbours: readonly (HeldVersion | undefined)[],
): DigestSet {
  const found = new DigestSet();
  const beside = neighbours.map(
    (neighbour) => new Beside(neighbour && new Records(archive.manifest(neighbour))),
  );
  const records = new Records(archive.manifest(version));
  records.skipHeader();
  while (records.advance()) {
    const object = objectOfRecord(records.lines);
    if (object === undefined) continue;
    const { path } = records;
    if (!beside.some((tree) => tree.has(path, object))) found.add(object);
  }
  return found;
}

/**
 * The objects that go when a version goes. An object is in versions that follow each other, from the one it came with
 * to the last one that has it, unless it is among those that came back: so a look at the two neighbours is enough,
 * however many versions there are. They are told one by one, from a manifest that is open and may be removed meanwhile.
 * `uncertain` tells, once they are told, that one of those that came back was left.
 */
export function objectsOnlyIn(
  archive: HostArchive,
  version: HeldVersion,
  before: HeldVersion | undefined,
  after: HeldVersion | undefined,
  returned: DigestSet,
): { objects(): Iterable<string>; readonly uncertain: boolean } {
  const maybe = candidates(archive, version, [before, after]);
  const held = new DigestSet();
  if (maybe.size > 0) {
    addAll(archive, before, held);
    addAll(archive, after, held);
  }
  const records = new Records(archive.manifest(version));
  let uncertain = false;
  function* objects(): Generator<string> {
    records.skipHeader();
    while (maybe.size > 0 && records.advance()) {
      const object = objectOfRecord(records.lines);
      if (object === undefined || !maybe.has(object) || held.has(object)) continue;
      if (returned.has(object)) uncertain = true;
      else yield object;
    }
  }
  return {
    objects,
    get uncertain() {
      return uncertain;
    },
  };
}

/** Every object that a version names: what is not among them is nobody's. */
export function allNamed(archive: HostArchive): DigestSet {
  const named = new DigestSet();
  for (const version of archive.versions()) addAll(archive, version, named);
  return named;
}
