import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommandLine } from '../../src/bin/command-line.ts';
import { processTerminal } from '../../src/bin/terminal.ts';
import { diskFiles } from '../../src/io/disk-files.ts';
import { readLock } from '../../src/model/read-lock.ts';
import { readPolicy } from '../../src/model/read-policy.ts';
import { linesOf } from '../bin/commands/keys/printed-page.ts';
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
  const path = join(folder, 'brinicle.yaml');
  // The one machine of the demo is host and backup server at once: the host must not back up its own backups.
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace("'*.iso'", "'*.iso', /srv/brinicle, /usr, /var/lib"),
  );
  const { policy } = readPolicy(readFileSync(path, 'utf8'), 'brinicle.yaml');
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

/** Answers with the minion ID of the backup server. */
async function play(root: ThrowawayRoot, folder: string): Promise<string> {
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
  return server;
}

async function refuse(root: ThrowawayRoot, folder: string): Promise<void> {
  const { lock } = readLock(readFileSync(join(folder, 'fleet.lock.yaml'), 'utf8'), 'fleet.lock.yaml');
  const account = lock?.hosts.get(HOST)?.account ?? '';
  const { policy } = readPolicy(readFileSync(join(folder, 'brinicle.yaml'), 'utf8'), 'brinicle.yaml');
  const address = policy?.server.address ?? policy?.server.name ?? '';
  say('8. with the push key a listing, reading back, and leaving the jail are refused');
  await root.writeFile('/root/pack', 'a pack\n');
  for (const batch of ['ls /inbox\n', 'get /status/../inbox/x /root/stolen\n', 'put /root/pack /pack\n']) {
    const refused = await sftp(root, account, address, batch);
    show(refused);
    expectFine(`refusing ${batch.trim()}`, !refused.includes('exited with 0'), refused);
  }
}

/** Runs a program of the root and shows it as a person would have typed it. */
async function run(root: ThrowawayRoot, command: string): Promise<string> {
  process.stdout.write(`  # ${command}\n`);
  const { code, stdout, stderr } = await root.exec(['sh', '-c', command]);
  show(stderr + stdout);
  expectFine(command, code === 0, `exited with ${code}`);
  return stdout;
}

async function backUp(root: ThrowawayRoot): Promise<void> {
  say('9. the first push, and rotate makes a version of it');
  await root.writeFile('/home/clerk/letter.txt', 'Dear Sir or Madam\n');
  await root.writeFile('/home/clerk/accounts.csv', '2026-11-01;income;1200\n');
  await run(root, 'brinicle-snap');
  await run(root, 'brinicle-rotate');

  say('10. something changes, and the second push sends that alone');
  // Versions are named by the second.
  await root.mustExec(['sh', '-c', 'sleep 1; echo "2026-11-02;rent;-700" >> /home/clerk/accounts.csv']);
  await root.mustExec(['mv', '/home/clerk/letter.txt', '/home/clerk/letter-to-bank.txt']);
  await run(root, 'brinicle-snap');
  await run(root, 'brinicle-rotate');

  say('11. on the backup server: its versions, and what changed between them');
  await run(root, `brinicle versions ${HOST}`);
  const names = (
    await run(root, `brinicle versions ${HOST} --json | grep -o '"name": "[^"]*"' | cut -d'"' -f4`)
  )
    .trim()
    .split('\n')
    .sort();
  expectFine('two versions', names.length === 2, names.join(' '));
  await run(root, `brinicle diff ${HOST} ${names[0]} ${names[1]}`);

  say('12. a file is deleted on the host, and comes back');
  await root.mustExec(['rm', '/home/clerk/accounts.csv']);
  await run(root, `brinicle restore ${HOST} /home/clerk/accounts.csv --to /root/restored`);
  await run(
    root,
    'cp -p /root/restored/home/clerk/accounts.csv /home/clerk/ && cat /home/clerk/accounts.csv',
  );

  say('13. the same without Brinicle, by sha256sum and bsdtar alone');
  await run(
    root,
    `cd /srv/brinicle/archive/bk-web3* && bsdtar -cf - --format pax --options hdrcharset=BINARY @versions/${names[1]}.mtree | bsdtar -tvf - --numeric-owner | grep clerk`,
  );
}

const STORE_FOLDER = '/root/store';
const PASSPHRASE = 'correct-horse-battery-staple-in-the-demo';

/** Makes the key of the ice where the owner sits, which is no machine of the backups. */
async function makeKey(root: ThrowawayRoot, folder: string): Promise<void> {
  say('14. the key of the ice is made away from all servers: a public half, and a page to print');
  writeFileSync(join(folder, 'passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 });
  rmSync(join(folder, 'recipient.asc'));
  await brinicle(
    'keygen',
    folder,
    '--name',
    'Ice of the office',
    '--passphrase-file',
    join(folder, 'passphrase'),
  );
  const page = readFileSync(join(folder, 'recovery.html'), 'utf8');
  writeFileSync(join(folder, 'typed-lines'), `${linesOf(page).join('\n')}\n`);
  await brinicle('key-from-paper', join(folder, 'typed-lines'), '--to', join(folder, 'sealed-key.asc'));
  // On another machine of the owner's, in the end.
  await root.mustExec(['mkdir', '-m', '700', '/root/laptop', '/root/laptop/gnupg']);
  for (const name of ['sealed-key.asc', 'passphrase'])
    await root.writeFile(`/root/laptop/${name}`, readFileSync(join(folder, name)), 0o600);
}

async function nameStore(root: ThrowawayRoot, folder: string): Promise<string> {
  say(
    '15. a bucket with locked retention (here a strict double of Google Cloud Storage); the policy names it',
  );
  await root.copyIn(join(repositoryFolder(), 'dist/in-root'), '/opt/demo');
  const serve = `node /opt/demo/demo-store.cjs serve ${STORE_FOLDER}`;
  await root.mustExec(['systemd-run', '--quiet', '--unit=demo-store', 'sh', '-c', serve]);
  await root.mustExec(['sh', '-c', `until [ -s ${STORE_FOLDER}/endpoint ]; do sleep 0.1; done`], {
    timeoutMs: 30_000,
  });
  const endpoint = await root.readFile(`${STORE_FOLDER}/endpoint`);
  await root.mustExec(['cp', `${STORE_FOLDER}/create.json`, '/etc/brinicle/ice-key.json']);
  const path = join(folder, 'brinicle.yaml');
  const store = `store: {kind: google, bucket: example-office-ice, endpoint: '${endpoint}', credentials: /etc/brinicle/ice-key.json}`;
  writeFileSync(path, readFileSync(path, 'utf8').replace(/store: gs:.*/, store));
  await brinicle('compile', '-C', folder);
  await install(root, folder);
  return endpoint;
}

async function bringOntoIce(root: ThrowawayRoot, folder: string, server: string): Promise<void> {
  await makeKey(root, folder);
  const endpoint = await nameStore(root, folder);
  const applied = await applyStates(root, { minionId: server, sls: 'brinicle' });
  show(summary(applied));
  expectFine(
    'the states of the backup server',
    failedStates(applied).length === 0,
    failedStates(applied).join('\n'),
  );

  say('16. the archive goes onto the ice, once the store, its lock and the credential are found to be right');
  await run(root, 'brinicle offsite check');
  await run(root, 'brinicle-offsite');
  const client = `node /opt/demo/demo-store.cjs`;
  say('17. the credential of the backup server cannot take it away again');
  await run(
    root,
    `mkdir /root/laptop/ice && ${client} download ${endpoint} ${STORE_FOLDER}/read.json /root/laptop/ice`,
  );
  await run(
    root,
    `for name in $(cd /root/laptop/ice && echo */*); do ${client} delete ${endpoint} /etc/brinicle/ice-key.json $name && exit 1; done; true`,
  );

  say('18. on a new machine, with the sheet of paper: gpg, unsquashfs, bsdtar and tar alone');
  await root.mustExec(['apt-get', '-qy', 'install', 'gnupg']);
  await run(
    root,
    [
      'cd /root/laptop && export GNUPGHOME=/root/laptop/gnupg',
      'gpg --quiet --batch --pinentry-mode loopback --passphrase-file passphrase --import sealed-key.asc',
      'for part in ice/*/part-*.gpg; do gpg --quiet --batch --pinentry-mode loopback --passphrase-file passphrase --decrypt $part || exit 1; done > image.squashfs',
      "unsquashfs -quiet -no-progress -d image image.squashfs 'bk-web3*'",
      'cd image/bk-web3* && mkdir /root/laptop/web3',
      'zcat -f "$(ls versions/*.mtree* | tail -n 1)" > version.mtree',
      'bsdtar -cf - --format pax --options hdrcharset=BINARY @version.mtree | bsdtar -xpSf - --numeric-owner -C /root/laptop/web3',
      'cat /root/laptop/web3/home/clerk/accounts.csv',
    ].join(' &&\n    '),
  );
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
  const server = await play(root, folder);
  await refuse(root, folder);
  await backUp(root);
  await bringOntoIce(root, folder, server);
  process.stdout.write(
    '\nDone. No account, mount or service of it is left; the built root stays in .cache (make clean removes it).\n',
  );
} finally {
  await root.stop();
  rmSync(folder, { recursive: true, force: true });
}
