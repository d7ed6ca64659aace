/** Runs in place of rotate.cjs: as the broker it is the real one, as an ingest it is one that a pack has taken over. */
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import Module from 'node:module';
import type { Mode, Probes } from './order.ts';

const REAL = '/usr/local/lib/brinicle/rotate.cjs';

function runReal(): void {
  const bundle = new Module(__filename);
  bundle.filename = __filename;
  Object.assign(bundle, { paths: [] });
  (bundle as unknown as { _compile(text: string, path: string): void })._compile(
    readFileSync(REAL, 'utf8'),
    __filename,
  );
}

const say = (value: unknown): void =>
  void writeSync(1, `${typeof value === 'string' ? value : JSON.stringify(value)}\n`);

const END = {
  kind: 'end',
  state: { accepted: null, refused: null, fullWanted: false, held: null, room: { bytes: 1, objects: 1 } },
};

function tried(work: () => unknown): string {
  try {
    const got = work();
    return Array.isArray(got) ? got.map(String).sort().join() : typeof got === 'string' ? got : 'done';
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
  }
}

/** Everything of the machine that it can lay its hands on. */
function probe(order: { archive: string; account: string; files: unknown[] }): Probes {
  const found: Probes = {};
  const read = (path: string): void => {
    found[`read ${path}`] = tried(() => void readFileSync(path));
  };
  const list = (path: string): void => {
    found[`list ${path}`] = tried(() => readdirSync(path));
  };
  for (const path of ['/etc/brinicle/rotate.json', '/etc/brinicle/hosts.json', '/etc/shadow', '/etc/passwd'])
    read(path);
  for (const path of [
    '/root/.bashrc',
    '/var/lib/brinicle/rotate/clock.json',
    '/proc/1/environ',
    '/proc/1/root/etc/shadow',
  ])
    read(path);
  for (const path of [
    '/',
    '/etc',
    '/dev',
    order.archive,
    '/srv/brinicle',
    '/srv/brinicle/jails',
    '/sys',
    '/run',
  ])
    list(path);
  found['processes'] = tried(() =>
    readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) < process.pid),
  );
  found['descriptors'] = tried(() =>
    readdirSync('/proc/self/fd')
      .map((name) => tried(() => readlinkSync(`/proc/self/fd/${name}`)))
      .filter((path) => !/^(?:pipe|anon_inode|socket|\/dev\/null|\/proc\/|E)/.test(path)),
  );
  for (const path of [
    '/x',
    '/usr/x',
    '/usr/local/lib/brinicle/x',
    '/etc/x',
    '/dev/x',
    '/dev/shm/x',
    '/var/tmp/x',
  ])
    found[`write ${path}`] = tried(() => writeFileSync(path, 'x'));
  for (const path of [
    '/proc/sys/kernel/hostname',
    '/proc/sysrq-trigger',
    '/proc/self/oom_score_adj',
    '/usr/bin/node',
  ])
    found[`write ${path}`] = tried(() => writeFileSync(path, '-1000'));
  found['write into a file it was given'] = tried(() => writeSync(3, 'x'));
  found['open anew for writing'] = tried(() => openSync('/proc/self/fd/3', 'r+'));
  found['fill /tmp'] = tried(() => writeFileSync('/tmp/x', Buffer.alloc(2 ** 24)));
  found['write its own folder'] = tried(() => writeFileSync(`${order.archive}/${order.account}/x`, 'x'));
  const status = readFileSync('/proc/self/status', 'latin1');
  for (const key of ['Uid', 'Gid', 'Groups', 'CapEff', 'CapPrm', 'CapBnd', 'CapAmb', 'NoNewPrivs'])
    found[key] =
      new RegExp(`^${key}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(status)?.[1]?.replace(/\s+/g, ' ') ?? 'none';
  // The program of the test lies beside this one.
  const python = readFileSync(`${__dirname}/probe.py`, 'utf8');
  const printed = tried(() =>
    execFileSync('/usr/bin/python3', ['-c', python], { encoding: 'utf8', timeout: 20_000 }),
  );
  return { ...found, ...(JSON.parse(printed) as Probes) };
}

/** Puts links where others, root among them, may follow them. */
function plantLinks(): void {
  for (const name of [
    'state.json',
    'state.json.new',
    'seen',
    'returned',
    '.in-use',
    'status-due',
    'versions',
    'objects',
    'incoming',
    'damaged',
  ])
    rmSync(name, { recursive: true, force: true });
  for (const name of ['state.json', 'state.json.new', 'seen', 'returned', '.in-use', 'status-due'])
    symlinkSync('/etc/shadow', name);
  for (const name of ['versions', 'objects', 'incoming', 'damaged']) symlinkSync('/etc', name);
}

const ID = 'f'.repeat(32);
const OTHER = `${'e'.repeat(32)}.000000.pack`;

function attack(mode: Mode): void {
  const order = JSON.parse(readFileSync(0, 'utf8'));
  const modes: Record<Mode, () => void> = {
    probe: () => {
      writeFileSync('probes.json', JSON.stringify(probe(order)));
      say(END);
    },
    flood: () => {
      const piece = Buffer.alloc(2 ** 20, 'x');
      for (let said = 0; said < 400; said++) writeSync(1, piece);
    },
    'flood of lines': () => {
      for (;;) say({ kind: 'note', text: 'x'.repeat(1900) });
    },
    'no JSON': () => say('{"kind":"end"'),
    'no event': () => say({ kind: 'note', text: 'x', path: '/etc/shadow', __proto__: null }),
    'a path for a version': () =>
      say({ kind: 'version', push: ID, name: '$(id)`id`;rm -rf /', entries: 1, stored: 1, alarms: ['x'] }),
    'frees of others': () => {
      for (const name of [
        OTHER,
        '../../state.json',
        '../../../../../etc/shadow',
        '.',
        '..',
        '',
        'refused',
        '/etc/shadow',
      ])
        say({ kind: 'freed', name });
      say(END);
    },
    'refusals of others': () => {
      for (let at = 0; at < 500; at++)
        say({ kind: 'refused', push: at.toString(16).padStart(32, '0'), reason: 'x'.repeat(100) });
      say(END);
    },
    'lies about the state': () => {
      const text = `\u001b]0;owned\u0007\u202e${'\n'.repeat(50)}`;
      say({ kind: 'note', text });
      say({
        kind: 'end',
        state: {
          ...END.state,
          accepted: { push: ID, manifest: 'f'.repeat(64), at: Number.MAX_SAFE_INTEGER },
          refused: { push: ID, at: 1, reason: text },
          held: text,
        },
      });
    },
    'says nothing': () => undefined,
    complains: () => {
      writeSync(2, `\u001b[2J${'no room for complaints '.repeat(20_000)}`);
      process.exitCode = 3;
    },
    'ends itself': () => process.kill(process.pid, 'SIGKILL'),
    'leaves somebody behind': () => {
      const script = 'trap "" TERM HUP INT; while :; do date +%s%N > alive; sleep 0.05; done';
      for (const stdio of ['ignore', 'inherit'] as const)
        spawn('setsid', ['sh', '-c', script], { detached: true, stdio }).unref();
      while (!existsSync('alive'));
      say(END);
    },
    'plants links': () => {
      plantLinks();
      say(END);
    },
  };
  mkdirSync('/tmp/mine', { recursive: true });
  modes[mode]();
}

const mode = process.argv[2] === '--ingest' && existsSync('mode') ? readFileSync('mode', 'utf8').trim() : '';
if (mode === '') runReal();
else attack(mode as Mode);
