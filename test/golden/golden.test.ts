import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { HASH_HEADER } from '../../src/compile/emit/header.ts';
import { RULES, type RuleName } from '../../src/model/problem.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { goldenFiles, invalidExamples, runInvalidExample, staleFiles } from './golden-files.ts';

const examples = join(repositoryFolder(), 'examples');

/** Rules that no committed example can show, and why. */
const NO_EXAMPLE: Partial<Record<RuleName, string>> = {
  'absent-from-mine': 'information only',
  'mine-function-level': 'information only',
  'input-too-large': 'its input is beyond any size worth committing; test/hostile makes one',
  'output-unwritable': 'a disk does that, no input; test/io makes one',
  'python-missing': 'a machine without python3 does that, no input',
  'program-missing': 'an installation without its programs does that, no input; test/bin makes one',
};

/** Rules of what runs on hosts and on the backup server, and of keys: no input of a compile can break them. */
const OF_A_RUN =
  /^(?:push|hook|rotate|archive|version|moment|manifest|object|path|restore|state|terminal|import|ice|store|cost|drill|keygen|paper)-|^program-config$|^recipient-ended$|^too-many$/;

/** Rules that one host breaks for itself; the others of its mine must compile. */
const OF_ONE_HOST: readonly RuleName[] = [
  'key-changed',
  'key-duplicate',
  'key-malformed',
  'key-private',
  'key-type',
  'key-weak',
  'mine-shape',
  'minion-id',
  'minion-id-lookalike',
  'not-accepted',
  'unmatched',
];

const rules = invalidExamples(examples);

describe('examples/invalid', () => {
  test('has a folder for each rule that an input can break, and no other', () => {
    const shown = Object.keys(RULES).filter((rule) => !(rule in NO_EXAMPLE || OF_A_RUN.test(rule)));
    expect(rules).toEqual(shown.sort());
  });

  test.each(rules)('%s: its rule is told, with what and why and what to do', async (rule) => {
    const run = await runInvalidExample(examples, rule);
    const told = [
      ...run.printed.matchAll(/^(error|warning|info) \[([a-z-]+)\] .+\n {2}why: .+\n {2}do: {2}.+$/gm),
    ];
    expect(told.map(([, , name]) => name)).toContain(rule);
    const isError = told.some(([, severity]) => severity === 'error');
    expect(run.code).toBe(isError ? 1 : 0);
    expect(run.printed).not.toMatch(/^\s+at .+:\d+:\d+/m);
  });

  test.each(OF_ONE_HOST)('%s: a host at fault stops no other', async (rule) => {
    const run = await runInvalidExample(examples, rule);
    const pillar = [...(run.files.trees.get('out') ?? [])].filter(([path]) =>
      path.startsWith('pillar/hosts/'),
    );
    const compiled = pillar.flatMap(([, text]) => /"account": "(bk-[a-z0-9-]+)"/.exec(text)?.[1] ?? []);
    // Of db1, web1 and web2, one at most is at fault.
    expect(compiled.length).toBeGreaterThanOrEqual(2);
  });
});

describe('goldens', () => {
  const copy = mkdtempSync(join(tmpdir(), 'brinicle-examples-'));
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  test('every committed golden is what the examples compile to', async () => {
    const stale = staleFiles(await goldenFiles(examples));
    expect(stale.map(({ path }) => relative(examples, path))).toEqual([]);
  });

  test('a changed, a surplus and a missing file are named', async () => {
    const staleIn = async (folder: string): Promise<string[]> =>
      staleFiles(await goldenFiles(folder)).map(({ path }) => relative(folder, path));
    cpSync(examples, copy, { recursive: true });
    const before = new Set(await staleIn(copy));
    writeFileSync(join(copy, 'small-office/out/top-lines.sls'), '# changed\n', { flag: 'a' });
    writeFileSync(join(copy, 'awkward-names/out/surplus.sls'), HASH_HEADER);
    rmSync(join(copy, 'invalid/key-weak/problems.txt'));
    expect((await staleIn(copy)).filter((path) => !before.has(path)).sort()).toEqual([
      'awkward-names/out/surplus.sls',
      'invalid/key-weak/problems.txt',
      'small-office/out/top-lines.sls',
    ]);
  });
});
