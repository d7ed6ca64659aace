import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommandLine } from '../../src/bin/command-line.ts';
import { processTerminal } from '../../src/bin/terminal.ts';
import { diskFiles } from '../../src/io/disk-files.ts';
import { readLock } from '../../src/model/read-lock.ts';
import { readPolicy } from '../../src/model/read-policy.ts';
import {
  applyStates,
  changedStates,
  failedStates,
  OUTPUT_IN_ROOT,
  prepareMasterless,
  type SaltRun,
} from '../fleet/masterless.ts';
import { repositoryFolder, whyNoThrowawayRoot } from '../throwaway/base.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';

const HOST = 'web3.office.example.test';

function say(heading: string): void {
  process.stdout.write(`\n=== ${heading}\n`);
}

function show(text: string): void {
  process.stdout.write(text.replace(/^/gm, '  ').replace(/ +$/, ''));
}

function expectFine(what: string, fine: boolean, seen: string): void {
  if (!fine) throw new Error(`${what}: ${seen}`);
}

function summary(run: SaltRun): string {
  const failed = failedStates(run);
  return `${run.states.length} states, ${changedStates(run).length} changed, ${failed.length} failed\n${failed.map((line) => `  failed: ${line}\n`).join('')}`;
}

/** A copy of the example in which the host and the server have the keys of the throwaway root. */
async function officeWithKeysOf(root: ThrowawayRoot, folder: string): Promise<string> {
  cpSync(join(repositoryFolder(), 'examples/small-office'), folder, { recursive: true });
  for (const stale of ['out', 'fleet.lock.yaml'])
    rmSync(join(folder, stale), { recursive: true, force: true });
  const { policy } = readPolicy(readFileSync(join(folder, 'brinicle.yaml'), 'utf8'), 'brinicle.yaml');
  if (policy === undefined) throw new Error('examples/small-office has a policy that cannot be read');
  const hostKey = await root.readFile('/etc/ssh/ssh_host_ed25519_key.pub');
  writeFileSync(
    join(folder, 'host-keys.json'),
    JSON.stringify({ [policy.server.name]: { 'ed25519.pub': hostKey } }),
  );
  const hosts = await root.readFile('/etc/hosts');
  await root.writeFile('/etc/hosts', `${hosts}127.0.0.1 ${policy.server.address ?? policy.server.name}\n`);
  return policy.server.name;
}

/** Puts an entry into the mine, as the minion's mine.update would. */
function publish(folder: string, minionId: string, entry: Record<string, unknown>): void {
  const path = join(folder, 'mine.json');
  const mine = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...mine, [minionId]: entry }));
}

async function install(root: ThrowawayRoot, folder: string): Promise<void> {
  await root.mustExec(['rm', '-rf', OUTPUT_IN_ROOT]);
  await root.copyIn(join(folder, 'out'), OUTPUT_IN_ROOT);
  await prepareMasterless(root);
}

async function sftp(root: ThrowawayRoot, account: string, address: string, batch: string): Promise<string> {
  const argv = [
    'sftp',
    '-b',
    '-',
    '-o',
    'UserKnownHostsFile=/etc/brinicle/known_hosts',
    '-o',
    'UpdateHostKeys=no',
    '-i',
    '/etc/brinicle/id_ed25519',
    `${account}@${address}`,
  ];
  const { code, stdout, stderr } = await root.exec(argv, { stdin: batch });
  return `${stdout}${stderr}(sftp exited with ${code})\n`;
}

async function brinicle(...args: string[]): Promise<void> {
  process.stdout.write(`$ brinicle ${args.join(' ')}\n`);
  await runCommandLine(args, diskFiles, processTerminal);
}

async function play(root: ThrowawayRoot, folder: string): Promise<void> {
  const server = await officeWithKeysOf(root, folder);
  say(`1. ${HOST} is a new minion: the mine says nothing of it yet`);
  publish(folder, HOST, {});
  await brinicle('compile', '-C', folder);
  await install(root, folder);

  say(
    `2. a highstate on ${HOST} makes and publishes its push key, and fails, since nobody has reviewed it yet`,
  );
  const first = await applyStates(root, { minionId: HOST, sls: 'brinicle' });
  show(summary(first));
  const key = await root.readFile('/etc/brinicle/id_ed25519.pub');
  publish(folder, HOST, { root: { 'id_ed25519.pub': key } });

  say('3. the mine has the key now: plan, then compile (this is what a git review shows)');
  await brinicle('plan', '-C', folder);
  await brinicle('compile', '-C', folder);
  await install(root, folder);

  say(`4. the pillar of ${HOST}, by the module that the Salt master loads: its own data and no other host's`);
  await brinicle('pillar', '-C', folder, '--', HOST);

  say(`5. a highstate on ${server}: accounts, jails, keys, sshd`);
  const onServer = await applyStates(root, { minionId: server, sls: 'brinicle' });
  show(summary(onServer));
  expectFine(
    'the states of the backup server',
    failedStates(onServer).length === 0,
    failedStates(onServer).join('\n'),
  );
  show(
    (await root.mustExec(['sh', '-c', 'ls -ld /srv/brinicle/jails/* /srv/brinicle/jails/*/inbox'])).stdout,
  );

  say(`6. a second highstate on ${server} changes nothing`);
  const again = await applyStates(root, { minionId: server, sls: 'brinicle' });
  show(summary(again));
  expectFine('a second highstate', changedStates(again).length === 0, changedStates(again).join('\n'));

  say(
    `7. a highstate on ${HOST}: pinned host keys, program, cron entry (this one machine plays the backup server too)`,
  );
  const onHost = await applyStates(root, { minionId: HOST, sls: 'brinicle' });
  show(summary(onHost));
  show((await root.mustExec(['crontab', '-l'])).stdout);
}

async function push(root: ThrowawayRoot, folder: string): Promise<void> {
  const { lock } = readLock(readFileSync(join(folder, 'fleet.lock.yaml'), 'utf8'), 'fleet.lock.yaml');
  const account = lock?.hosts.get(HOST)?.account ?? '';
  const { policy } = readPolicy(readFileSync(join(folder, 'brinicle.yaml'), 'utf8'), 'brinicle.yaml');
  const address = policy?.server.address ?? policy?.server.name ?? '';
  await root.writeFile('/root/pack', 'a pack\n');
  say('8. a push into the jail is accepted');
  const pushed = await sftp(root, account, address, 'put /root/pack pack.part\n');
  show(pushed);
  expectFine('the push', pushed.includes('exited with 0'), pushed);
  show((await root.mustExec(['sh', '-c', `ls -l /srv/brinicle/jails/${account}/inbox`])).stdout);
  say('9. a listing, reading back, and leaving the jail are refused');
  for (const batch of ['ls /inbox\n', 'get /inbox/pack.part /root/stolen\n', 'put /root/pack /pack\n']) {
    const refused = await sftp(root, account, address, batch);
    show(refused);
    expectFine(`refusing ${batch.trim()}`, !refused.includes('exited with 0'), refused);
  }
}

const reason = await whyNoThrowawayRoot();
if (reason !== undefined) {
  process.stderr.write(`the demo needs a throwaway root: ${reason}\n`);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'brinicle-demo-'));
process.stdout.write(
  'Starting a machine that is thrown away afterwards: real Salt, real sshd, real systemd.\n',
);
const root = await ThrowawayRoot.start({ salt: '3008' });
try {
  await play(root, folder);
  await push(root, folder);
  process.stdout.write(
    '\nDone. No account, mount or service of it is left; the built root stays in .cache (make clean removes it).\n',
  );
} finally {
  await root.stop();
  rmSync(folder, { recursive: true, force: true });
}
