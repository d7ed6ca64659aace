import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { problemText } from '../../src/bin/terminal.ts';
import { HEADER } from '../../src/compile/emit/header.ts';
import { diskFiles } from '../../src/io/disk-files.ts';
import { PROGRAM_NAMES } from '../../src/model/compile-inputs.ts';
import { entry } from '../compile/sample-inputs.ts';
import { STAND_IN_PROGRAMS } from '../golden/stand-in-programs.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { runInProcess } from './run-in-process.ts';

const repository = repositoryFolder();
const base = join(repository, 'examples/invalid/_base');
const scratch = mkdtempSync(join(tmpdir(), 'brinicle-cli-'));
// Beside stand-ins, so that what is tested here hangs on no other program.
const program = join(scratch, 'installed/brinicle.mjs');
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let folder = '';
let count = 0;
beforeEach(() => {
  folder = join(scratch, String(count++));
  cpSync(base, folder, { recursive: true });
});

const COMMANDS = [
  'init',
  'compile',
  'plan',
  'explain',
  'accept-key',
  'retire',
  'pillar',
  'drill',
  'cost',
  'keygen',
  'key-from-paper',
  'ice',
  'schema',
  'completion',
];

/** All files of a folder by path, so that two moments can be compared. */
function snapshot(path: string): Record<string, string> {
  const names = readdirSync(path, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names
      .filter((item) => item.isFile())
      .map((item) => [
        join(item.parentPath, item.name),
        readFileSync(join(item.parentPath, item.name), 'utf8'),
      ]),
  );
}

describe('exit codes: 0 fine, 1 problems found, 2 wrong usage', () => {
  test.each([
    ['no command', []],
    ['an unknown command', ['compiel']],
    ['an unknown option', ['compile', '--chekc']],
    ['a missing argument', ['explain']],
    ['a missing option', ['init']],
    ['a surplus argument', ['explain', 'web1', 'web2']],
    ['two minion IDs', ['pillar', '--', 'web1', 'web2']],
    ['an unknown schema', ['schema', 'mine']],
    ['no command of the ice', ['ice']],
    ['an unknown command of the ice', ['ice', 'melt']],
    ['an unknown shell', ['completion', 'tcsh']],
    ['a server that is no ID', ['init', '--server', 'a\nb', '--recipient', 'none']],
    ['a recipient with a control character', ['init', '--server', 'a', '--recipient', 'a\u001b[2J']],
  ])('2: %s', async (_name, args) => {
    const { code, err } = await runInProcess(args);
    expect(code).toBe(2);
    expect(err).not.toBe('');
    expect(err).not.toMatch(/^\s+at /m);
  });

  test('0: the version, and help', async () => {
    expect(await runInProcess(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    expect((await runInProcess(['--help'])).out).toContain('Exit codes: 0 fine, 1 problems found');
  });

  test.each(COMMANDS)('0: %s --help has examples', async (command) => {
    const { code, out } = await runInProcess([command, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/\nExamples:\n {2}.*brinicle /);
  });

  test.each(['list', 'verify', 'restore', 'watch'])('0: ice %s --help has examples', async (command) => {
    const { code, out } = await runInProcess(['ice', command, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/\nExamples:\n {2}.*brinicle ice /);
  });

  test('help names every command', async () => {
    const { out } = await runInProcess(['--help']);
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
  });

  test('1 and never 0: problems, without a stack trace', async () => {
    writeFileSync(join(folder, 'mine.json'), '{');
    const { code, err } = await runInProcess(['compile', '-C', folder]);
    expect(code).toBe(1);
    expect(err).toContain('error [mine-syntax]');
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });
});

describe('compile, --check and plan', () => {
  test('plan writes nothing; compile writes; --check is then fine; a second compile changes nothing', async () => {
    const before = snapshot(folder);
    const plan = await runInProcess(['plan', '-C', folder]);
    expect(plan).toMatchObject({ code: 0, err: '' });
    expect(snapshot(folder)).toEqual(before);
    expect((await runInProcess(['compile', '--check', '-C', folder])).code).toBe(1);
    expect(snapshot(folder)).toEqual(before);
    const compiled = await runInProcess(['compile', '-C', folder]);
    expect(compiled).toEqual({
      ...plan,
      err: `written: ${join(folder, 'out')}, ${join(folder, 'fleet.lock.yaml')}\n`,
    });
    const written = snapshot(folder);
    expect(await runInProcess(['compile', '--check', '-C', folder])).toMatchObject({ code: 0, err: '' });
    expect((await runInProcess(['compile', '-C', folder])).out).toBe(
      'hosts: 3 unchanged\nfiles: 0 to create, 0 to update, 0 to remove\n',
    );
    expect(snapshot(folder)).toEqual(written);
  });

  test('--check names each stale file', async () => {
    await runInProcess(['compile', '-C', folder]);
    writeFileSync(join(folder, 'out/top-lines.sls'), '# changed\n', { flag: 'a' });
    writeFileSync(join(folder, 'fleet.lock.yaml'), '# changed\n', { flag: 'a' });
    const { code, err } = await runInProcess(['compile', '--check', '-C', folder]);
    expect(code).toBe(1);
    expect(err).toContain(`error [output-stale] ${folder}/out/top-lines.sls: a compile would update it`);
    expect(err).toContain(`error [output-stale] ${folder}/fleet.lock.yaml:`);
    expect(err).toContain('errors: 2, warnings: 0, notes: 0');
  });

  test.each([
    ['plan', 0],
    ['compile', 0],
  ])('%s --json is one JSON object', async (command, exit) => {
    const { code, out, err } = await runInProcess([command, '-C', folder, '--json']);
    expect(code).toBe(exit);
    expect(err).toBe('');
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      hosts: [{ minionId: 'db1', action: 'add' }, {}, {}],
      problems: [],
    });
  });

  test('--json holds the problems too, and nothing that a terminal obeys', async () => {
    const bad = `{"web1": ${JSON.stringify(entry(1))}, "a\\u009b31mb\\u202e": {}, "a\\ud800": {}}`;
    writeFileSync(join(folder, 'mine.json'), bad);
    const { code, out } = await runInProcess(['plan', '-C', folder, '--json']);
    expect(code).toBe(1);
    expect(out.replaceAll('\n', '')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    const ids = (JSON.parse(out) as { hosts: { minionId: string }[] }).hosts.map(({ minionId }) => minionId);
    expect(ids).toEqual(['a\u009b31mb\u202e', 'a\ud800', 'web1']);
  });

  test('strict: true writes nothing while a host has a problem', async () => {
    writeFileSync(
      join(folder, 'brinicle.yaml'),
      `${readFileSync(join(folder, 'brinicle.yaml'), 'utf8')}strict: true\n`,
    );
    writeFileSync(join(folder, 'mine.json'), JSON.stringify({ web1: entry(1), bad: 7 }));
    const before = snapshot(folder);
    const { code, err } = await runInProcess(['compile', '-C', folder]);
    expect(code).toBe(1);
    expect(err).toContain('nothing was written (strict: true, and there are errors)');
    expect(snapshot(folder)).toEqual(before);
  });

  test('somebody’s own file in the output is not lost', async () => {
    await runInProcess(['compile', '-C', folder]);
    writeFileSync(join(folder, 'out/states/mine.sls'), 'x: y\n');
    writeFileSync(join(folder, 'mine.json'), JSON.stringify({ web9: entry(1) }));
    const before = snapshot(folder);
    const { code, err } = await runInProcess(['compile', '-C', folder]);
    expect(code).toBe(1);
    expect(err).toContain('[output-foreign]');
    expect(snapshot(folder)).toEqual(before);
  });
});

describe('the other commands', () => {
  test('explain says what becomes of a host; an unknown one is a problem', async () => {
    const { code, out } = await runInProcess(['explain', 'web1', '-C', folder]);
    expect(code).toBe(0);
    expect(out).toContain('standing   active, by entry 1 of hosts:');
    expect(out).toContain('account    bk-web1, uid 20001');
    expect((await runInProcess(['explain', 'web9', '-C', folder])).code).toBe(1);
    expect((await runInProcess(['explain', 'backup1', '-C', folder])).out).toContain('the backup server');
  });

  test('accept-key and retire change the lock alone, and say what is next', async () => {
    await runInProcess(['compile', '-C', folder]);
    const before = snapshot(folder);
    const mine = JSON.parse(readFileSync(join(folder, 'mine.json'), 'utf8')) as Record<string, unknown>;
    writeFileSync(join(folder, 'mine.json'), JSON.stringify({ ...mine, web1: entry(9) }));
    expect((await runInProcess(['compile', '-C', folder])).err).toContain('brinicle accept-key web1');
    expect(await runInProcess(['accept-key', 'web1', '-C', folder])).toMatchObject({
      code: 0,
      out: expect.stringContaining('next: brinicle compile'),
    });
    expect(await runInProcess(['retire', 'web2', '-C', folder])).toMatchObject({ code: 0, err: '' });
    const after = snapshot(folder);
    const changed = Object.keys(after).filter(
      (path) => after[path] !== before[path] && !path.endsWith('mine.json'),
    );
    expect(changed).toEqual([join(folder, 'fleet.lock.yaml')]);
    expect((await runInProcess(['compile', '-C', folder])).code).toBe(0);
    expect((await runInProcess(['retire', 'web9', '-C', folder])).code).toBe(1);
  });

  test('retire needs the lock alone', async () => {
    await runInProcess(['compile', '-C', folder]);
    for (const name of ['brinicle.yaml', 'mine.json']) rmSync(join(folder, name));
    expect((await runInProcess(['retire', 'web2', '-C', folder])).code).toBe(0);
  });

  test('init writes a policy that compiles, with its schema, and never over a file', async () => {
    const made = join(folder, 'new');
    const { code, out } = await runInProcess(['init', made, '--server', 'backup1', '--recipient', 'none']);
    expect(code).toBe(0);
    expect(out).toContain("salt-run mine.get '*' ssh.user_keys --out=json > mine.json");
    cpSync(join(base, 'mine.json'), join(made, 'mine.json'));
    cpSync(join(base, 'host-keys.json'), join(made, 'host-keys.json'));
    expect((await runInProcess(['compile', '-C', made])).code).toBe(0);
    expect(readFileSync(join(made, 'brinicle.yaml'), 'utf8')).toContain(
      '# yaml-language-server: $schema=./brinicle.schema.json',
    );
    const before = snapshot(made);
    expect((await runInProcess(['init', made, '--server', 'other', '--recipient', 'none'])).code).toBe(1);
    expect(snapshot(made)).toEqual(before);
  });

  test('pillar prints what the ext_pillar gives', async () => {
    await runInProcess(['compile', '-C', folder]);
    const { code, out } = await runInProcess(['pillar', '-C', folder, '--', 'web1']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      backup_minute: 17,
      brinicle: { host: { snap: { account: 'bk-web1' } } },
    });
  });

  test('a finding has rule, place and host in its first line, and no control character', () => {
    const place = { file: 'a\u001b[2J.yaml', line: 3 };
    const text = problemText({
      rule: 'key-type',
      severity: 'error',
      host: 'web1',
      at: place,
      what: 'w',
      why: 'y',
      fix: 'f',
    });
    expect(text).toBe('error [key-type] a\\u{1b}[2J.yaml:3 web1: w\n  why: y\n  do:  f\n');
  });
});

describe('dist/brinicle.mjs, started as a program', () => {
  beforeAll(() => {
    cpSync(join(repository, 'dist/brinicle.mjs'), program);
    for (const [name, text] of STAND_IN_PROGRAMS) writeFileSync(join(dirname(program), name), text);
  });

  const run = (args: readonly string[], input?: string | Buffer): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [program, ...args], { input, encoding: 'utf8' });

  test('--mine - reads the mine from standard input', () => {
    const mine = readFileSync(join(folder, 'mine.json'), 'utf8');
    rmSync(join(folder, 'mine.json'));
    const ran = run(['compile', '-C', folder, '--mine', '-'], mine);
    expect(ran).toMatchObject({ status: 0, stderr: expect.stringMatching(/^written: .*\n$/) });
    expect(ran.stdout).toContain('hosts: 3 added');
    expect(run(['compile', '--check', '-C', folder, '--mine', '-'], mine).status).toBe(0);
  });

  test.each([
    ['nothing', '', 'mine-syntax'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe]), 'input-missing'],
  ])('standard input that holds %s is a problem', (_name, input, rule) => {
    const ran = run(['compile', '-C', folder, '--mine', '-'], input);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain(`[${rule}]`);
  });

  test.each([
    ['a folder', '< /'],
    ['closed', '<&-'],
    ['a pipe that waits and does not block', '< <(sleep 0.3; cat "$2/mine.json")'],
  ])('standard input that is %s gives an answer, not a stack trace', (_name, redirect) => {
    const ran = spawnSync(
      'bash',
      ['-c', `"$0" "$1" plan -C "$2" --mine - ${redirect}`, process.execPath, program, folder],
      { encoding: 'utf8' },
    );
    expect(ran.stderr).not.toMatch(/^\s+at /m);
    expect([0, 1]).toContain(ran.status);
  });

  test('its programs are taken from where it lies, also when it is started by a link', () => {
    const link = join(scratch, 'brinicle');
    symlinkSync(program, link);
    expect(spawnSync(process.execPath, [link, 'compile', '-C', folder]).status).toBe(0);
    for (const [name, text] of STAND_IN_PROGRAMS)
      expect(readFileSync(join(folder, 'out/states/brinicle/files', name), 'utf8')).toBe(
        `// ${HEADER}\n${text}`,
      );
  });

  test('a program that is not beside it is a problem, and nothing is written', () => {
    const alone = join(scratch, 'alone/brinicle.mjs');
    cpSync(program, alone);
    const ran = spawnSync(process.execPath, [alone, 'compile', '-C', folder], { encoding: 'utf8' });
    expect(ran.status).toBe(1);
    expect([...ran.stderr.matchAll(/^error \[program-missing\] (\S+):/gm)].map(([, name]) => name)).toEqual(
      [...PROGRAM_NAMES].sort(),
    );
    expect(ran.stderr).toContain('npm run build');
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  test('a wrong usage ends with 2', () => {
    expect(run(['compiel']).status).toBe(2);
  });

  test('no colours where standard error is no terminal', () => {
    writeFileSync(join(folder, 'mine.json'), '{');
    expect(run(['plan', '-C', folder]).stderr).not.toContain('\u001b');
  });
});

describe('a program of the build', () => {
  test.each(
    PROGRAM_NAMES.filter((name) => existsSync(join(repository, `src/bin/${name.replace('.cjs', '.ts')}`))),
  )('%s can be read by Node.js as it is emitted, below our header', async (name) => {
    expect((await runInProcess(['compile', '-C', folder], diskFiles)).err).not.toContain(name);
    const read = diskFiles.readProgram(name);
    const emitted = join(folder, name);
    writeFileSync(emitted, `// ${HEADER}\n${'text' in read ? read.text : ''}`);
    expect('text' in read).toBe(true);
    expect(spawnSync(process.execPath, ['--check', emitted], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });
});

describe('completion scripts', () => {
  test('name the commands below a command, and the options of all of them', async () => {
    const { out } = await runInProcess(['completion', 'bash']);
    const complete = (...words: string[]): string[] => {
      const last = words.length - 1;
      const ask = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${last}; _brinicle; echo "\${COMPREPLY[@]}"`;
      return spawnSync('bash', ['-c', `${out}\n${ask}`], { encoding: 'utf8' })
        .stdout.trim()
        .split(' ');
    };
    expect(complete('brinicle', 'ice', '')).toEqual(['list', 'verify', 'restore', 'watch']);
    expect(complete('brinicle', 'ice', 're')).toEqual(['restore']);
    expect(complete('brinicle', 'ice', 'restore', '--sto')).toEqual(['--store']);
    expect(complete('brinicle', 'comp')).toEqual(['compile', 'completion']);
  });

  const installed = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

  test.each(['bash', 'zsh', 'fish'])(
    'of %s names every command, and that shell can read it',
    async (shell) => {
      const { code, out } = await runInProcess(['completion', shell]);
      expect(code).toBe(0);
      for (const command of COMMANDS) expect(out).toContain(command);
      // Not every machine has every shell; bash is there wherever make runs this.
      if (shell === 'bash' || installed(shell)) {
        const checked = spawnSync(shell, ['-n'], { input: out, encoding: 'utf8' });
        expect(checked).toMatchObject({ status: 0, stderr: '' });
      }
    },
  );

  test('bash completes commands and their options', async () => {
    const { out } = await runInProcess(['completion', 'bash']);
    const ask = (words: string, index: number): string[] =>
      spawnSync(
        'bash',
        [
          '--norc',
          '-c',
          `${out}\nCOMP_WORDS=(${words}); COMP_CWORD=${index}; _brinicle; printf '%s\\n' "\${COMPREPLY[@]}"`,
        ],
        { encoding: 'utf8' },
      )
        .stdout.trim()
        .split('\n');
    expect(ask('brinicle comp', 1)).toEqual(['compile', 'completion']);
    expect(ask('brinicle compile --ch', 2)).toEqual(['--check']);
  });
});
