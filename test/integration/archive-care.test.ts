import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupLab } from '../backup/backup-lab.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';
import type { Outcome } from '../throwaway/run-program.ts';

const suite = await requireOrSkip('sshd');

suite('looking after an archive', () => {
  let lab: BackupLab;

  beforeAll(async () => {
    lab = await BackupLab.start({ hosts: ['web1', 'web2'] });
  });

  afterAll(async () => {
    await lab?.stop();
  });

  const brinicle = (...args: string[]): Promise<Outcome> => lab.root.exec(['brinicle', ...args]);

  /** The path of the object that a content is, in the archive of a host. */
  const objectOf = async (host: string, path: string): Promise<string> => {
    const sha256 = (await lab.script(`sha256sum ${BackupLab.data(host)}/${path}`)).slice(0, 64);
    return `${lab.archive(host)}/objects/${sha256.slice(0, 2)}/${sha256.slice(2)}`;
  };

  const status = async (host: string): Promise<{ full_wanted: boolean; accepted: { push: string } | null }> =>
    JSON.parse(await lab.root.readFile(`${lab.jail(host)}/status/state.json`));

  /** Everything in a host's folder of the archive that does not belong to the archive's user. */
  const foreign = (host: string): Promise<string> =>
    lab.script(`find ${lab.archive(host)} ! -user brinicle -o ! -group brinicle`);

  test('verify names what damage hurts, and the next push of the host heals it', async () => {
    const data = BackupLab.data('web1');
    await lab.script(`cd ${data}; mkdir etc; for n in one two three four; do echo $n > etc/$n; done`);
    await lab.push('web1');
    await lab.mustRotate();
    await lab.script(`cd ${data}; echo five > etc/five`);
    await lab.push('web1');
    await lab.mustRotate();
    expect(await brinicle('verify', 'web1')).toMatchObject({ code: 0, stderr: '' });

    const [two, three] = [await objectOf('web1', 'etc/two'), await objectOf('web1', 'etc/three')];
    await lab.script(`printf T | dd of=${two} conv=notrunc status=none; rm ${three}`);
    const versions = await lab.versions('web1');
    const hurt = await brinicle('verify', 'web1');
    expect(hurt.code).toBe(1);
    const where = `in 2 versions, ${versions[0]} to ${versions[1]}`;
    expect(hurt.stdout).toContain(`  damaged  ${data}/etc/two  ${where}`);
    expect(hurt.stdout).toContain(`  missing  ${data}/etc/three  ${where}`);
    expect(hurt.stderr).toContain('[object-damaged] web1: damaged objects: 1, missing: 1');
    const aside = `${lab.archive('web1')}/damaged/${two.split('/').slice(-2).join('')}`;
    expect(await lab.root.stat(aside)).toMatchObject({ mode: '400', owner: 'brinicle' });
    expect(await foreign('web1')).toBe('');

    // Nothing was pushed and no housekeeping is due: rotate tells the host all the same, once.
    expect(await status('web1')).toMatchObject({ full_wanted: false });
    const before = (await status('web1')).accepted?.push;
    await lab.mustRotate();
    expect(await status('web1')).toMatchObject({ full_wanted: true, accepted: { push: before } });
    expect(await lab.root.exists(`${lab.archive('web1')}/status-due`)).toBe(false);

    const healing = await lab.push('web1');
    expect(healing).toMatchObject({ packs: 1, removed: 0 });
    expect(healing.set).toBe(healing.entries);
    expect(await lab.mustRotate()).toBe('web1: pushed, and nothing had changed\n');
    expect(await lab.versions('web1')).toEqual(versions);
    expect(await status('web1')).toMatchObject({ full_wanted: false });
    const clean = await brinicle('verify', 'web1');
    expect(clean).toMatchObject({ code: 0, stderr: '' });
    expect(clean.stdout).toContain('5 of 5 objects read');
    const restored = await brinicle('cat', 'web1', `${data}/etc/two`, '--at', versions[0] ?? '');
    expect(restored.stdout).toBe('two\n');
    // What is pushed from then on is no full push any more.
    await lab.script(`echo six > ${data}/etc/six`);
    expect((await lab.push('web1')).set).toBeLessThan(5);
    expect(await lab.mustRotate()).toMatch(/^web1: version /);
  });

  test('an alarm stands until it is accepted, by the command that rotate names', async () => {
    const data = BackupLab.data('web1');
    await lab.script(`cd ${data}; mkdir many; for n in $(seq 400); do echo $n > many/$n; done`);
    await lab.push('web1');
    await lab.mustRotate();
    await lab.script(`cd ${data}; for n in $(seq 400); do echo changed $n > many/$n; done`);
    await lab.push('web1');
    const alarmed = await lab.rotate();
    expect(alarmed.code).toBe(1);
    const name = (await lab.versions('web1')).at(-1) ?? '';
    expect(alarmed.stderr).toMatch(`web1: ALARM in ${name}: `);
    expect((await brinicle('versions', 'web1')).stdout).toMatch(
      new RegExp(`^${name} .*ALARM changed-share$`, 'm'),
    );
    expect((await brinicle('retention', 'web1')).stdout).toMatch(/stays .*pin-alarm/);
    const command = /if that is meant: (brinicle accept \S+ \S+)$/m.exec(alarmed.stderr)?.[1] ?? '';
    expect(command).toBe(`brinicle accept ${lab.fleet.account('web1')} ${name}`);
    expect(await lab.script(command)).toMatch(`web1 ${name}: accepted: `);
    expect((await brinicle('versions', 'web1')).stdout).toMatch(/alarm accepted: changed-share$/m);
    expect((await brinicle('retention', 'web1')).stdout).not.toContain('pin-alarm');
    expect(await foreign('web1')).toBe('');
    expect(await lab.rotate(['--keep-house'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('a rotate that died in a commit or while it compressed is gone on with, and its objects are counted', async () => {
    const data = BackupLab.data('web1');
    const archive = lab.archive('web1');
    for (const point of ['objects durable', 'first objects in the pool', 'record written', 'pool durable']) {
      await lab.script(`echo "${point}" > "${data}/${point}"`);
      await lab.push('web1');
      expect(await lab.rotate([], { BRINICLE_FAULT_POINT: point })).toMatchObject({ code: 1 });
      expect(await lab.mustRotate()).toMatch(/^web1: version /);
    }
    expect(JSON.parse(await lab.root.readFile(`${archive}/state.json`))).toMatchObject({ orphans: true });
    // What a gzip that died left, which the unprivileged user may not write to again.
    const plain = (await lab.versions('web1')).at(-2) ?? '';
    await lab.script(
      `f=${archive}/versions/${plain}.mtree.gz.new; echo half > $f; chown brinicle: $f; chmod 400 $f`,
    );
    await lab.mustRotate('--keep-house');
    expect(await lab.root.exists(`${archive}/versions/${plain}.mtree.gz`)).toBe(true);
    const objects = await lab.script(`find ${archive}/objects -type f | wc -l`);
    expect(JSON.parse(await lab.root.readFile(`${archive}/state.json`))).toMatchObject({
      orphans: false,
      pool: { objects: Number(objects) },
    });
    expect(await brinicle('verify', 'web1')).toMatchObject({ code: 0, stderr: '' });
  });

  test('retention says of each version which rule keeps it', async () => {
    const { code, stdout } = await brinicle('retention', 'web1');
    expect(code).toBe(0);
    const versions = await lab.versions('web1');
    for (const name of versions) expect(stdout).toMatch(new RegExp(`^${name} +.+ stays +.*all`, 'm'));
    expect(stdout).toContain('nothing of web1 goes\n');
  });

  test('a clock that went too far is accepted, by root alone', async () => {
    const clock = '/var/lib/brinicle/rotate/clock.json';
    const reading = JSON.parse(await lab.root.readFile(clock)) as { now: number };
    await lab.root.writeFile(clock, JSON.stringify({ ...reading, now: reading.now - 40 * 86_400 }), 0o600);
    expect((await brinicle('accept', '--clock')).stdout).toContain('is taken for right from now on');
    expect((await brinicle('accept', '--clock')).stdout).toContain('nothing to accept');
    const asUser = await lab.root.exec([
      'setpriv',
      '--reuid=brinicle',
      '--clear-groups',
      'brinicle',
      'accept',
      '--clock',
    ]);
    expect(asUser.code).toBe(1);
    expect(asUser.stderr).toContain('EACCES');
  });

  test('what rsnapshot kept becomes versions of a host that is yet to push, by root and for the archive’s user', async () => {
    const data = BackupLab.data('web2');
    await lab.script(
      `mkdir -p /rsnapshot/daily.1/localhost /rsnapshot/daily.0
       cd /rsnapshot/daily.1/localhost; mkdir -p .${data}/etc; cd .${data}/etc
       echo one > one; echo secret > shadow; chmod 600 shadow; mkdir own; chmod 700 own; echo inside > own/file
       chown -R 1234:1234 own
       cp -al /rsnapshot/daily.1/localhost /rsnapshot/daily.0/
       rm /rsnapshot/daily.0/localhost${data}/etc/one; echo two > /rsnapshot/daily.0/localhost${data}/etc/two
       touch -d '3 days ago' /rsnapshot/daily.1; touch -d '2 days ago' /rsnapshot/daily.0`,
    );
    const { code, stdout, stderr } = await brinicle('import-rsnapshot', 'web2', '/rsnapshot');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/web2: daily.0 is version /);
    expect(await foreign('web2')).toBe('');
    const [older, newer] = await lab.versions('web2');
    for (const [version, interval] of [
      [older, 'daily.1'],
      [newer, 'daily.0'],
    ]) {
      await lab.script(
        `rm -rf /tmp/restored; brinicle restore web2 --at ${version} --to /tmp/restored
         difference=$(rsync -aHAXnic --delete --numeric-ids /rsnapshot/${interval}/localhost/ /tmp/restored/)
         [ -z "$difference" ] || { echo "$difference" >&2; exit 1; }`,
      );
    }
    // The host's own pushes go on from there.
    await lab.script(`mkdir -p ${data}; cp -a /rsnapshot/daily.0/localhost${data}/. ${data}/`);
    await lab.push('web2');
    const said = await lab.rotate();
    expect(said.stdout + said.stderr).toMatch(/^web2: version /m);
    expect(await lab.versions('web2')).toHaveLength(3);
    expect(await brinicle('verify')).toMatchObject({ code: 0, stderr: '' });
    const late = await brinicle('import-rsnapshot', 'web2', '/rsnapshot');
    expect(late).toMatchObject({ code: 0, stdout: expect.stringContaining('was imported before') });
    await lab.script('touch /rsnapshot/daily.0');
    expect((await brinicle('import-rsnapshot', 'web2', '/rsnapshot')).stderr).toContain(
      '[import-refused] web2',
    );
  });

  test('a drill restores files of every mode as the archive’s user, removes them, and names what is damaged', async () => {
    const data = BackupLab.data('web2');
    await lab.script(
      `mkdir -p ${data}/drill/closed ${data}/drill/fixed; cd ${data}/drill
       echo tool > tool; chmod 4755 tool; echo none > none; chmod 000 none; chown 1234:1234 none
       echo in > closed/in; chmod 000 closed; echo in > fixed/in; chmod 555 fixed
       printf 'bytes' > "$(printf 'caf\\351')"; : > empty; touch -d '@1700000000.123456789' empty`,
    );
    await lab.push('web2');
    await lab.rotate();
    const archive = dirname(lab.archive('web2'));
    const drilled = await brinicle('drill', '--files', '10000', '--bytes', '20GiB', '--json');
    expect(drilled).toMatchObject({ code: 0, stderr: '' });
    const { files, versions, failed } = JSON.parse(drilled.stdout);
    expect({ failed, versions: versions > 3, files: files > 10 }).toEqual({
      failed: 0,
      versions: true,
      files: true,
    });
    expect(await lab.script(`ls -A ${archive}/.drill`)).toBe('drills.json\nlock\n');
    expect(await lab.script(`find ${archive}/.drill ! -user brinicle`)).toBe('');
    expect(await lab.root.stat(`${archive}/.drill`)).toMatchObject({ mode: '700', owner: 'brinicle' });
    expect(await brinicle('drill', '--cron')).toMatchObject({ code: 0, stderr: '' });

    const tool = await objectOf('web2', 'drill/tool');
    await lab.script(`printf T | dd of=${tool} conv=notrunc status=none`);
    // Ten versions are drawn of all hosts: a seed that draws the one with the tool is soon found.
    let hurt = await brinicle('drill', '--files', '10000', '--bytes', '20GiB', '--seed', '0');
    for (let seed = 1; hurt.code === 0 && seed < 50; seed++)
      hurt = await brinicle('drill', '--files', '10000', '--bytes', '20GiB', '--seed', String(seed));
    expect(hurt.code).toBe(1);
    expect(hurt.stderr).toContain(`${data}/drill/tool: its object is damaged`);
    expect(hurt.stderr).toContain('[drill-failed] web2: did not come back as it was: 1');
    const record = JSON.parse(await lab.root.readFile(`${archive}/.drill/drills.json`));
    const oks: boolean[] = record.drills.map(({ ok }: { ok: boolean }) => ok);
    expect([oks.slice(0, 2), oks.at(-1)]).toEqual([[true, true], false]);
  });
});
