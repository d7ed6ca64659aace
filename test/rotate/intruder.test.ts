import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/manifest/entry.ts';
import { objectsOnlyIn } from '../../src/rotate/sweep.ts';
import {
  addCommitFile,
  addFilesAndCommit,
  addMembers,
  beginDraft,
  cutIntoPacks,
  type Draft,
  type HeldManifest,
  type PushedFile,
} from '../hostile/packs/draft.ts';
import { FuzzedHost } from '../hostile/packs/fuzzed-host.ts';
import { Random } from '../hostile/packs/random.ts';
import { sha256, type Tree } from '../hostile/packs/tree.ts';

const DAY = 86_400;

/** A tree of files below its root, by name and content. */
function treeOf(files: Readonly<Record<string, string>>): Tree {
  const own = { mode: 0o755, uid: 0, gid: 0, uname: '', gname: '', attributes: [] };
  const time = { seconds: 1, nanoseconds: 0 };
  const tree: Tree = {
    entries: new Map<string, Entry>([['.', { kind: 'folder', path: '.', ...own, time }]]),
    contents: new Map(),
  };
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const object = sha256(content);
    tree.contents.set(object, content);
    const path = `./${name}`;
    tree.entries.set(path, { kind: 'file', path, ...own, time, size: content.length, object, sealed: false });
  }
  return tree;
}

describe('an intruder on a host', () => {
  let archive: string;
  let host: FuzzedHost;
  let umask: number;
  const random = new Random(1);

  beforeEach(() => {
    umask = process.umask(0o077);
    archive = mkdtempSync(join(tmpdir(), 'brinicle-intruder-'));
    host = new FuzzedHost(archive, 'bk-host');
  });

  afterEach(() => {
    process.umask(umask);
    rmSync(archive, { recursive: true, force: true });
  });

  function pushed(
    tree: Tree,
    base?: HeldManifest,
    spoil: (draft: Draft) => void = () => undefined,
  ): PushedFile[] {
    const draft = beginDraft(random, tree, base, 'a'.repeat(32));
    addMembers(random, draft);
    spoil(draft);
    cutIntoPacks(random, draft);
    addFilesAndCommit(draft);
    draft.commitText = JSON.stringify(draft.commit);
    addCommitFile(draft);
    return draft.files;
  }

  /** Takes a push that must become a version in. */
  function version(tree: Tree, base?: HeldManifest): HeldManifest {
    host.now += 3600;
    const { events } = host.ingest(pushed(tree, base), true);
    const name = events.flatMap((event) => (event.kind === 'version' ? [event.name] : []))[0];
    if (name === undefined) throw new Error(JSON.stringify(events));
    return host.held(name);
  }

  const told = (files: readonly PushedFile[]): string[] => {
    host.now += 60;
    return host.ingest(files, true).events.map((event) => ('reason' in event ? event.reason : event.kind));
  };

  test('cannot take the objects of old versions away by bringing them back from an old base', () => {
    const good = version(treeOf({ letters: 'what must not be lost', other: 'other' }));
    version(treeOf({ other: 'other' }), good);
    // Goes out from the first version, so that nothing tells of the letters, which come back.
    version(treeOf({ letters: 'what must not be lost', other: 'another' }), good);
    version(treeOf({ other: 'the last' }));
    const held = host.open();
    const [, second, third, fourth] = held.versions();
    if (third === undefined) throw new Error('there are four versions');
    // Neither neighbour has the letters, and the first version needs them.
    const only = objectsOnlyIn(held, third, second, fourth, held.returned());
    held.remove(third, only.objects());
    expect(only.uncertain).toBe(true);
    expect(host.folder.versions()).toHaveLength(3);
    expect(host.folder.faults()).toEqual([]);
  });

  test('nor by bringing them in a push that was begun before they came', () => {
    const secret = treeOf({ letters: 'what an honest push will bring', other: 'intruder' });
    const staged = pushed(secret);
    const isCommit = ({ name }: PushedFile): boolean => name.endsWith('.commit');
    expect(told(staged.filter((file) => !isCommit(file)))[0]).toBe('freed');
    const good = version(treeOf({ letters: 'what an honest push will bring', other: 'honest' }));
    version(treeOf({ other: 'honest' }), good);
    expect(told(staged.filter(isCommit))[0]).toBe('version');
    version(treeOf({ other: 'the last' }));
    const held = host.open();
    const [, second, third, fourth] = held.versions();
    if (third === undefined) throw new Error('there are four versions');
    held.remove(third, objectsOnlyIn(held, third, second, fourth, held.returned()).objects());
    expect(host.folder.faults()).toEqual([]);
  });

  test('cannot say another size of a content that stays', () => {
    const base = version(treeOf({ a: 'four' }));
    const tree = treeOf({ a: 'four' });
    const entry = tree.entries.get('./a');
    if (entry?.kind === 'file') tree.entries.set('./a', { ...entry, size: 5 });
    expect(told(pushed(tree, base))[0]).toContain('with another size than it has');
  });

  test('cannot hold more unfinished pushes than a few, nor keep the next honest one out by them', () => {
    host.limits = { ...host.limits, bytes: 2_000_000 };
    for (let push = 0; push < 30; push++) {
      const files = pushed(treeOf({ [`a${push}`]: `${push}`.repeat(50_000) }));
      expect(told(files.filter(({ name }) => !name.endsWith('.commit')))[0]).toBe('freed');
      expect(host.unfinished()).toBeLessThanOrEqual(8);
    }
    expect(told(pushed(treeOf({ honest: 'x'.repeat(900_000) })))[0]).toBe('version');
    expect(host.folder.faults()).toEqual([]);
  });

  test('cannot fill the archive with objects that no version names', () => {
    const bring = (draft: Draft): void => {
      for (let at = 0; at < 50; at++)
        draft.members.push({ name: `data/${1000 + at}`, content: random.bytes(1000) });
    };
    const base = version(treeOf({ a: 'one' }));
    expect(told(pushed(treeOf({ a: 'two' }), base, bring))[0]).toBe('version');
    expect(told(pushed(treeOf({ a: 'two' }), undefined, bring))[0]).toBe('seen');
    host.now += 30 * DAY;
    host.keepHouse({ retention: { all_days: 100, daily_days: 100, weekly_weeks: 1, monthly_months: 1 } });
    expect(host.folder.objects()).toBe(2);
  });

  test('cannot fill it with manifests', () => {
    host.limits = { bytes: 1_000_000, objects: 1000, entries: 1000 };
    const names = Array.from({ length: 400 }, (_, at) => [`${at}`.padEnd(250, '\n'), 'same']);
    let base: HeldManifest | undefined;
    const outcomes: string[] = [];
    for (let push = 0; push < 6; push++) {
      outcomes.push(told(pushed(treeOf(Object.fromEntries([...names, ['n', `${push}`]])), base))[0] ?? '');
      const newest = host.folder.versions().at(-1);
      base = newest === undefined ? undefined : host.held(newest);
    }
    expect(outcomes).toContain('version');
    expect(outcomes.at(-1)).toBe('the archive may hold no more of this host');
  });

  test('cannot have more objects than its limit, by one push or by many', () => {
    host.limits = { ...host.limits, objects: 20 };
    const files = (from: number, count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${from + at}`, `content ${from + at}`]));
    expect(told(pushed(treeOf(files(0, 21))))[0]).toBe('the archive may hold no more of this host');
    expect(told(pushed(treeOf(files(0, 500))))[0]).toBe('the archive may hold no more of this host');
    const base = version(treeOf(files(0, 15)));
    expect(told(pushed(treeOf(files(0, 21)), base))[0]).toBe('the archive may hold no more of this host');
    expect(host.folder.faults()).toEqual([]);
  });

  test('waits for a day with room before its packs are read, and is taken then', () => {
    host.versionsADay = 2;
    const first = version(treeOf({ a: '1' }));
    const second = version(treeOf({ a: '2' }), first);
    const files = pushed(treeOf({ a: '3' }), second);
    const unread = files.map((file) =>
      file.name.endsWith('.commit') ? file : { ...file, bytes: Buffer.alloc(0) },
    );
    expect(told(unread)).toEqual(['it has made 2 versions within a day already']);
    expect(host.unfinished()).toBe(0);
    // What changes nothing makes no version, and is seen on any day.
    const unchanged = pushed(treeOf({ a: '2' }), second, (draft) => draft.members.splice(0));
    expect(unchanged).toHaveLength(1);
    expect(told(unchanged)).toContain('seen');
    host.now += DAY;
    expect(told(files)[0]).toBe('version');
  });
});
