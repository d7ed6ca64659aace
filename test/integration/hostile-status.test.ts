import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupLab, type Pushed } from '../backup/backup-lab.ts';
import { allowManyVersions, rotateDespiteAlarms } from '../backup/trees.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

const HOST = 'web1';

const DATA = BackupLab.data(HOST);

const STATE = `/lab/${HOST}/state`;

/** Beyond printable ASCII, which would act on a person's terminal. */
const CONTROL = /[^\n\x20-\x7e…]/;

suite('promise 1: a backup server that was taken over reaches nothing on its hosts by the status file', () => {
  let lab: BackupLab;
  let honest: Record<string, unknown>;
  let file = '';
  /** Manifest of the version before the newest. */
  let older = '';

  beforeAll(async () => {
    lab = await BackupLab.start();
    await allowManyVersions(lab);
    file = `${lab.jail(HOST)}/status/state.json`;
    await lab.script(`cd ${DATA}; head -c 3000000 /dev/urandom > large; echo one > small; sleep 2.1`);
    older = (await lab.push(HOST)).manifest;
    await rotateDespiteAlarms(lab);
    await lab.script(`echo two > ${DATA}/small; sleep 2.1`);
    await lab.push(HOST);
    await rotateDespiteAlarms(lab);
    await lab.push(HOST);
    await rotateDespiteAlarms(lab);
    honest = JSON.parse(await lab.root.readFile(file));
    await lab.script(
      `cp -a ${STATE} /state; find /etc /usr /root /lab /data /var -xdev -newermt '2000-01-01' -printf '%p %T@ %C@\\n' | grep -v ' ${STATE}' > /before`,
    );
  });

  afterAll(async () => {
    await lab?.stop();
  });

  const write = async (content: string | Uint8Array): Promise<void> => {
    await lab.root.mustExec(['rm', '-rf', file]);
    await lab.root.writeFile(file, content, 0o640);
    await lab.script(
      `chgrp $(id -g ${lab.fleet.account(HOST)}) ${file}; rm -rf ${STATE}; cp -a /state ${STATE}`,
    );
  };

  const changed = (changes: object): string => JSON.stringify({ ...honest, ...changes });

  const accepted = (manifest: string): string =>
    changed({ accepted: { push: 'a'.repeat(32), manifest, at: 1_700_000_000 } });

  test.each<[string, () => string | Uint8Array]>([
    ['no JSON', () => 'hello'],
    ['nothing', () => ''],
    ['NUL bytes', () => new Uint8Array(10_000)],
    ['bytes that are no text', () => Uint8Array.from({ length: 16_000 }, (_, at) => at % 256)],
    ['too much', () => changed({ later: 'x'.repeat(17_000) })],
    ['deep JSON', () => '['.repeat(16_000)],
    ['NaN', () => JSON.stringify(honest).replace(/"at":\d+/, '"at":NaN')],
    ['a path for a manifest', () => accepted('../../../../etc/shadow')],
    ['a path for a push', () => changed({ accepted: { push: '../x', manifest: older, at: 1 } })],
    ['wrong types', () => changed({ full_wanted: 'yes', room: [], held: 1 })],
    ['a hold with escapes', () => changed({ held: '\u001b[2J\u202e\u0007rm -rf /' })],
  ])('refused in words: %s', async (_, content) => {
    await write(content());
    const began = Date.now();
    const ran = await lab.snap(HOST);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/\[push-failed\] the (?:status file|backup server)/);
    expect(ran.stderr).not.toMatch(CONTROL);
    expect(Date.now() - began).toBeLessThan(30_000);
  });

  test('a file of 1 GiB is not read', async () => {
    await write('');
    await lab.script(`truncate -s 1G ${file}`);
    const ran = await lab.root.exec([
      ...[
        'prlimit',
        '--data=1500000000',
        'brinicle-snap',
        '--config',
        `/lab/${HOST}/snap.json`,
        '--state',
        STATE,
      ],
    ]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/larger than 16384 bytes/);
  });

  test('a link or nothing in its place is no status', async () => {
    for (const make of [`ln -s /etc/shadow ${file}`, `ln -s ../inbox ${file}`, `true`]) {
      await write('');
      await lab.script(`rm ${file}; ${make}`);
      expect((await lab.snap(HOST)).stderr).not.toMatch(CONTROL);
    }
  });

  test('what was refused is told without its escapes', async () => {
    const remembered = JSON.parse((await lab.script(`head -1 /state/remembered.json`)).trim());
    const reason = '\u001b]0;owned\u0007\u001b[31m & \u202e';
    await write(changed({ refused: { push: remembered.last.push, at: 1_700_000_000, reason } }));
    const ran = await lab.snap(HOST);
    expect(ran.stderr).toMatch(/refused the last push: .*owned/);
    expect(ran.stderr).not.toMatch(CONTROL);
  });

  test.each<[string, () => string]>([
    ['an older base', () => accepted(older)],
    ['a base that nobody knows', () => accepted('e'.repeat(64))],
    ['no base any more', () => changed({ accepted: null })],
    ['all contents, each time', () => changed({ full_wanted: true })],
  ])('%s: everything is sent once, and not again within a week', async (_, content) => {
    await write(content());
    const outcomes: (Pushed | string)[] = [];
    for (let run = 0; run < 3; run++) {
      const ran = await lab.snap(HOST, ['--json']);
      outcomes.push(ran.code === 0 ? (JSON.parse(ran.stdout) as Pushed) : ran.stderr);
    }
    const fulls = outcomes.filter((outcome) => typeof outcome !== 'string' && outcome.sent > 3_000_000);
    expect(fulls).toHaveLength(1);
    for (const outcome of outcomes.slice(1))
      if (typeof outcome === 'string') expect(outcome).toMatch(/less than a week ago/);
    await lab.script(`rm -rf ${lab.jail(HOST)}/inbox/*`);
  });

  test('nothing else of the host was touched', async () => {
    await lab.script(
      `find /etc /usr /root /lab /data /var -xdev -newermt '2000-01-01' -printf '%p %T@ %C@\\n' | grep -v ' ${STATE}' > /after`,
    );
    const lines = await lab.script(
      `diff /before /after | grep '^[<>]' | grep -vE ' (${STATE}|/var/log|/var/lib/systemd|/lab/${HOST} )' || true`,
    );
    expect(lines).toBe('');
  });
});
