import { afterAll, beforeAll, expect, test } from 'vitest';
import { lookAtArchive } from '../backup/archive-look.ts';
import { BackupLab, type Pushed } from '../backup/backup-lab.ts';
import { allowManyVersions, rotateDespiteAlarms } from '../backup/trees.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

const HOST = 'web1';

const DATA = BackupLab.data(HOST);

const MIB = 2 ** 20;

/** Larger than what is compared block by block only. */
const LARGE = 200 * MIB;

/** What a push of nothing but names and times sends at most. */
const NAMES = 64 * 1024;

suite('promise 12: of large files only what changed is sent', () => {
  let lab: BackupLab;

  beforeAll(async () => {
    lab = await BackupLab.start({ storage: 'disk' });
    await allowManyVersions(lab);
    await lab.script(`cd ${DATA}; mkdir small; for n in $(seq 50); do head -c $((n * 1000)) /dev/urandom > small/$n; done
      head -c ${LARGE} /dev/urandom > large; find . -exec touch -hd '2 hours ago' {} +`);
    await pushed();
  });

  afterAll(async () => {
    await lab?.stop();
  });

  /** A push that becomes a version, whose object of `large` is what lies there. */
  async function pushed(...args: string[]): Promise<Pushed> {
    const push = await lab.push(HOST, ...args);
    await rotateDespiteAlarms(lab);
    await mustHoldLarge(push);
    return push;
  }

  async function mustHoldLarge(push: Pushed): Promise<void> {
    const there = await lab.script(`cd ${DATA}; [ ! -f large ] || sha256sum < large | cut -c-64`);
    const versions = await lab.versions(HOST);
    const manifest = await lab.root.readFile(`${lab.archive(HOST)}/versions/${versions.at(-1)}.mtree`);
    const [, first, rest] = /\/large type=file .* contents=objects\/(..)\/(\S+)$/m.exec(manifest) ?? [];
    expect(`${first}${rest}`).toBe(there.trim());
    const stored = await lab.script(`sha256sum < ${lab.archive(HOST)}/objects/${first}/${rest} | cut -c-64`);
    expect(stored).toBe(there);
    expect(push.warnings).toEqual({ count: 0, first: [] });
  }

  test('1 % changed in place: less than 2 % is sent', async () => {
    await lab.script(`cd ${DATA}; for n in 3 17 59 101; do
      head -c ${LARGE / 400} /dev/urandom | dd of=large bs=1M seek=$n conv=notrunc status=none; done`);
    const { sent, read } = await pushed();
    expect(sent).toBeLessThan(LARGE * 0.02);
    expect(read).toBeGreaterThanOrEqual(LARGE);
  });

  test.each([
    ['grown', `head -c 1000000 /dev/urandom >> large`, 2_500_000],
    ['cut short', `truncate -s ${150 * MIB + 77} large`, 200_000],
    ['with a hole at its end', `truncate -s 400M large`, NAMES * 2],
    // Where something was, zeros are told as what they are: the server writes over a copy.
    ['with zeros where data was', `fallocate -zn -o 10485760 -l 5242880 large`, 6_000_000],
    ['touched', `touch -d yesterday large`, NAMES],
    ['renamed', `mv large other; mv other large; chmod 600 large`, NAMES],
    ['empty', `: > large`, NAMES],
    [
      'sparse',
      `truncate -s 300M large; printf data | dd of=large bs=1 seek=250000000 conv=notrunc status=none`,
      200_000,
    ],
  ])('%s: little is sent', async (_, edit, most) => {
    await lab.script(`cd ${DATA}; ${edit}`);
    expect((await pushed()).sent).toBeLessThan(most);
  });

  test('renamed or carefully copied, small files and large ones, nothing of their data is sent', async () => {
    await lab.script(
      `cd ${DATA}; head -c ${80 * MIB} /dev/urandom > huge; head -c ${5 * MIB} /dev/urandom > middle; sleep 2.1`,
    );
    await pushed();
    await lab.script(
      `cd ${DATA}; mkdir moved; mv huge middle small moved/; cp -a moved/middle moved/small copied-to 2>/dev/null || cp -a moved/small copy`,
    );
    const { sent, packs } = await pushed();
    expect({ packs, sent: sent < NAMES }).toEqual({ packs: 1, sent: true });
  });

  test('many packs: each holds what it may, and the version is whole', async () => {
    await lab.writeSnapConfig(HOST, { ...lab.snapConfig(HOST), pack_bytes: 8 * MIB });
    await lab.script(`cd ${DATA}; head -c ${100 * MIB} /dev/urandom > packed; mkdir many
      for n in $(seq 60); do head -c 700000 /dev/urandom > many/$n; done; sleep 2.1`);
    const push = await lab.push(HOST);
    expect(push.packs).toBeGreaterThan(16);
    const sizes = await lab.script(`cd ${lab.jail(HOST)}/inbox; stat -c %s *.pack | sort -n | tail -1`);
    expect(Number(sizes)).toBeLessThanOrEqual(8 * MIB);
    await rotateDespiteAlarms(lab);
    const { faults, versions, orphans } = await lookAtArchive(lab.root, lab.archive(HOST));
    expect({ faults, orphans, newest: versions.at(-1) }).toEqual({
      faults: [],
      orphans: 0,
      newest: push.manifest,
    });
  });
});
