import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { repositoryFolder } from '../throwaway/base.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';

const suite = await requireOrSkip('throwaway root');

/** What of a root could be left on the machine: its mounts, its cgroup, and the namespaces of its processes. */
function tracesOf(marker: string, pidNamespace: string): string[] {
  const traces: string[] = [];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    if (line.includes('.cache/throwaway')) traces.push(line);
    const [before = '', after = ''] = line.split(' - ');
    const folder = before.split(' ')[4];
    if (!folder || !after.startsWith('cgroup2 ')) continue;
    traces.push(...readdirSync(folder).filter((name) => name === marker));
  }
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (readlinkSync(`/proc/${name}/ns/pid`) === pidNamespace) traces.push(`process ${name}`);
    } catch {
      // It ended meanwhile.
    }
  }
  return traces;
}

suite('a throwaway root', () => {
  test('has systemd as PID 1, running, and a machine ID and host keys of its own', async () => {
    const root = await ThrowawayRoot.start({ hostname: 'web1' });
    try {
      expect((await root.mustExec(['systemctl', 'is-system-running'])).stdout).toBe('running\n');
      expect((await root.mustExec(['cat', '/proc/1/comm'])).stdout).toBe('systemd\n');
      expect((await root.mustExec(['uname', '-n'])).stdout).toBe('web1\n');
      expect(await root.readFile('/etc/machine-id')).toMatch(/^[0-9a-f]{32}\n$/);
      expect(await root.exists('/etc/ssh/ssh_host_ed25519_key')).toBe(true);
      expect((await root.mustExec(['sshd', '-t'])).stderr).toBe('');
    } finally {
      await root.stop();
    }
  });

  test('is one of several that use the same port at once, and share nothing', async () => {
    const roots = await Promise.all(['one', 'two'].map((hostname) => ThrowawayRoot.start({ hostname })));
    try {
      const keys = await Promise.all(
        roots.map(async (root, index) => {
          await root.mustExec(['useradd', `only-in-${index}`]);
          const scan = await root.mustExec(['ssh-keyscan', '-T', '10', '-t', 'ed25519', '127.0.0.1']);
          expect(scan.stdout.split(' ').slice(1).join(' ').trim()).toBe(
            (await root.readFile('/etc/ssh/ssh_host_ed25519_key.pub')).split(' ').slice(0, 2).join(' '),
          );
          return scan.stdout;
        }),
      );
      expect(new Set(keys).size).toBe(2);
      expect((await roots[0]?.exec(['id', 'only-in-1']))?.code).toBe(1);
    } finally {
      await Promise.all(roots.map((root) => root.stop()));
    }
  });

  test('runs programs with input, environment, folder, exit code and a time limit', async () => {
    const root = await ThrowawayRoot.start({ init: 'none' });
    try {
      const script = 'cat; echo "$WORD in $PWD" >&2; exit 7';
      const options = { stdin: 'fed', env: { WORD: 'word' }, cwd: '/tmp' };
      expect(await root.exec(['sh', '-c', script], options)).toEqual({
        code: 7,
        stdout: 'fed',
        stderr: 'word in /tmp\n',
      });
      const begun = Date.now();
      expect((await root.exec(['sh', '-c', 'sleep 60; true'], { timeoutMs: 300 })).code).toBe(137);
      expect(Date.now() - begun).toBeLessThan(10_000);
      expect((await root.exec(['pgrep', '-f', 'sleep 6[0]'])).code).toBe(1);
      await expect(root.mustExec(['false'])).rejects.toThrow('ended with 1');
    } finally {
      await root.stop();
    }
  });

  test('takes files in and gives them back', async () => {
    const root = await ThrowawayRoot.start({ init: 'none' });
    try {
      await root.writeFile('/srv/deep/file', 'text\n', 0o640);
      expect(await root.readFile('/srv/deep/file')).toBe('text\n');
      expect(await root.stat('/srv/deep/file')).toMatchObject({
        type: 'regular file',
        mode: '640',
        owner: 'root',
        size: 5,
      });
      await root.copyIn(join(repositoryFolder(), 'test/throwaway'), '/srv/copied');
      expect(await root.readFile('/srv/copied/root.ts')).toBe(
        readFileSync(join(repositoryFolder(), 'test/throwaway/root.ts'), 'utf8'),
      );
      expect(await root.exists('/srv/absent')).toBe(false);
    } finally {
      await root.stop();
    }
  });

  test('installs cron and Node from its own store, without a network', async () => {
    const root = await ThrowawayRoot.start();
    try {
      expect((await root.exec(['sh', '-c', 'command -v cron'])).code).not.toBe(0);
      await root.mustExec(['apt-get', 'update']);
      await root.mustExec(['apt-get', 'install', '-y', 'cron', 'nodejs']);
      expect((await root.mustExec(['systemctl', 'is-active', 'cron'])).stdout).toBe('active\n');
      expect((await root.mustExec(['node', '-p', '1 + 1'])).stdout).toBe('2\n');
    } finally {
      await root.stop();
    }
  });

  test('cannot change the settings of the kernel that it shares with the machine', async () => {
    const root = await ThrowawayRoot.start({ init: 'none' });
    try {
      expect((await root.exec(['sh', '-c', 'echo 1 > /proc/sys/kernel/panic'])).code).not.toBe(0);
      expect((await root.exec(['sh', '-c', 'echo x > /proc/sysrq-trigger'])).code).not.toBe(0);
    } finally {
      await root.stop();
    }
  });

  test('leaves nothing on the machine', async () => {
    const accounts = readFileSync('/etc/passwd', 'utf8') + readFileSync('/etc/group', 'utf8');
    const root = await ThrowawayRoot.start();
    const pidNamespace = readlinkSync(`/proc/${root.pid}/ns/pid`);
    await root.mustExec(['useradd', '--create-home', 'passer-by']);
    await root.mustExec(['systemd-run', 'sleep', '1000']);
    expect(tracesOf(root.name, pidNamespace)).not.toEqual([]);
    await root.stop();
    expect(tracesOf(root.name, pidNamespace)).toEqual([]);
    expect(readFileSync('/etc/passwd', 'utf8') + readFileSync('/etc/group', 'utf8')).toBe(accounts);
  });

  test('ends with the process that started it, though that is killed', async () => {
    const source = `
      import { readlinkSync } from 'node:fs';
      import { ThrowawayRoot } from './test/throwaway/root.ts';
      const root = await ThrowawayRoot.start();
      console.log(root.name, readlinkSync('/proc/' + root.pid + '/ns/pid'));
      setInterval(() => undefined, 1000);`;
    const outfile = join(repositoryFolder(), '.cache/killed-run.mjs');
    await build({
      stdin: { contents: source, resolveDir: repositoryFolder(), loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
      logLevel: 'error',
    });
    const run = spawn(process.execPath, [outfile], { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = await new Promise<string>((resolve) =>
      run.stdout.once('data', (data) => resolve(`${data}`)),
    );
    const [name = '', pidNamespace = ''] = line.trim().split(' ');
    expect(tracesOf(name, pidNamespace)).not.toEqual([]);
    run.kill('SIGKILL');
    const deadline = Date.now() + 20_000;
    while (tracesOf(name, pidNamespace).length > 0 && Date.now() < deadline) await sleep(100);
    expect(tracesOf(name, pidNamespace)).toEqual([]);
  });
});
