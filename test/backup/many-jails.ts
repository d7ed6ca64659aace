import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayRoot } from '../throwaway/root.ts';
import { lookAtArchive } from './archive-look.ts';
import { BackupLab } from './backup-lab.ts';
import { runPython } from './trees.ts';

/** What rotate prints as JSON of one host. */
interface HostRow {
  host: string;
  events: { kind: string }[];
  fault?: string;
}

/** Copies the push of one host into the inboxes of all others, each under an ID of its own. */
async function copyPush(root: ThrowawayRoot, from: string): Promise<void> {
  await runPython(root, 'backup/copy_push.py', from, '/etc/brinicle/hosts.json');
}

/** Tests that so many hosts which push at once are all dealt with in one run. */
export function proveManyJails(count: number, seconds: number): void {
  const hosts = Array.from({ length: count }, (_, index) => `host-${index}`);
  let lab: BackupLab;

  beforeAll(async () => {
    lab = await BackupLab.start({ hosts, setUp: hosts.slice(0, 1) });
  });

  afterAll(async () => {
    await lab?.stop();
  });

  test(`promise 10: ${count} hosts push within a minute, and one rotate takes all of it in`, async () => {
    const [first = ''] = hosts;
    await lab.script(
      `cd ${BackupLab.data(first)}; for n in $(seq 20); do head -c $((n * 500)) /dev/urandom > $n; done`,
    );
    const { manifest } = await lab.push(first);
    await copyPush(lab.root, lab.jail(first));
    const began = Date.now();
    const ran = await lab.rotate(['--json']);
    const took = (Date.now() - began) / 1000;
    process.stdout.write(`${count} hosts in ${took.toFixed(1)} s\n`);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const rows = JSON.parse(ran.stdout) as HostRow[];
    expect(rows.filter(({ events }) => events.some(({ kind }) => kind === 'version'))).toHaveLength(count);
    expect(rows.filter(({ fault }) => fault !== undefined)).toEqual([]);
    for (const host of [first, hosts.at(-1) ?? '', hosts[count >> 1] ?? '']) {
      const { faults, versions, orphans } = await lookAtArchive(lab.root, lab.archive(host));
      expect({ faults, versions, orphans }).toEqual({ faults: [], versions: [manifest], orphans: 0 });
    }
    const waiting = await lab.script(`find ${lab.jail(first)}/../*/inbox -type f | wc -l`);
    expect(Number(waiting)).toBe(0);
    expect(took).toBeLessThan(seconds);
    // With nothing pushed and nothing due, a run over all of them costs next to nothing.
    await lab.script(
      `mkdir -p /var/lib/brinicle/rotate/house; cd /var/lib/brinicle/rotate/house; touch $(ls /srv/brinicle/archive)`,
    );
    const idle = Date.now();
    expect(await lab.rotate()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect((Date.now() - idle) / 1000).toBeLessThan(Math.max(5, count / 50));
  });
}
