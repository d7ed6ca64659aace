import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { diskFiles } from '../../src/io/disk-files.ts';
import { readLock } from '../../src/model/read-lock.ts';
import { runInProcess } from '../bin/run-in-process.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import type { HostileCase } from './case.ts';
import { GOOD, MINES } from './corpus/mines.ts';
import { OWNERS_FILES } from './corpus/owners-files.ts';

// Inputs of 50 MB and more take as long as they take.
vi.setConfig({ testTimeout: 120_000 });

const base = join(repositoryFolder(), 'examples/invalid/_base');
const scratch = mkdtempSync(join(tmpdir(), 'brinicle-hostile-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const cases = [...MINES, ...OWNERS_FILES];

/** What a terminal would obey, or hide, but for line ends. */
const UNPRINTABLE = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u;

function place(index: number, { files }: HostileCase): string {
  const folder = join(scratch, String(index));
  cpSync(base, folder, { recursive: true });
  for (const [name, content] of Object.entries(files())) writeFileSync(join(folder, name), content);
  return folder;
}

function parseAll(out: string): void {
  const read = diskFiles.readTree(out);
  if ('fault' in read) throw new Error(read.fault);
  for (const [path, text] of read.tree) {
    if (path.endsWith('.json')) expect(() => JSON.parse(text), path).not.toThrow();
    else if (/(?:jails|top-lines)\.sls$|\.d\/.*\.conf$/.test(path))
      expect(() => load(text), path).not.toThrow();
  }
}

describe('the corpus', () => {
  test('has more than 60 cases, each of its own name', () => {
    expect(cases.length).toBeGreaterThan(60);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });
});

describe('a hostile input gives a problem, never an exception', () => {
  test.each(cases.map((one, index) => ({ ...one, index })))('$name', async (one) => {
    const folder = place(one.index, one);
    const { code, out, err } = await runInProcess(['compile', '-C', folder]);
    expect(err + out).not.toMatch(UNPRINTABLE);
    const told = [...err.matchAll(/^(?:error|warning) \[([a-z-]+)\]/gm)].map(([, rule]) => rule);
    expect([...new Set(told)].sort()).toEqual([...one.rules].sort());
    expect(code).toBe(one.code ?? 1);
    const lock = join(folder, 'fleet.lock.yaml');
    if (one.nothingCompiles === true) {
      expect(existsSync(join(folder, 'out'))).toBe(false);
    } else {
      parseAll(join(folder, 'out'));
      const read = diskFiles.readText(lock, 2 ** 28);
      const { lock: locked, problems } = readLock('text' in read ? read.text : '', lock);
      expect(problems).toEqual([]);
      expect([...(locked?.hosts.keys() ?? [])]).toContain(
        MINES.some(({ name }) => name === one.name) ? GOOD : 'web1',
      );
    }
    const json = await runInProcess(['plan', '-C', folder, '--json']);
    expect(json.code).toBe(one.code ?? 1);
    expect(json.out).not.toMatch(UNPRINTABLE);
    expect(() => JSON.parse(json.out)).not.toThrow();
    rmSync(folder, { recursive: true });
  });
});
