import { readFileSync, readSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { DiskPool } from '../io/disk-pool.ts';
import { faultPoint } from '../io/fault-point.ts';
import { takeLock } from '../io/file-lock.ts';
import { DiskHostArchive } from '../io/host-archive.ts';
import { statusIsTold } from '../io/status-due.ts';
import { ingestJobSchema } from '../model/ingest-job.ts';
import { ingestHost, reportedState } from '../rotate/ingest-host.ts';
import { clearDamaged, keepHouse } from '../rotate/keep-house.ts';
import type { IngestEvent, OpenPack } from '../rotate/ports.ts';

/** Descriptor of the first file. */
const FIRST_FILE = 3;

/** Seconds to wait for `brinicle accept` and the like to leave the archive. */
const PATIENCE = 30;

/** The part of rotate that reads what hosts pushed: unprivileged, and shut in with one host's folder. */
export function ingest(): void {
  // Whoever started rotate with less has it so, and this user may not ask for more.
  if (getPriority() < 10) setPriority(10);
  process.umask(0o077);
  const order = ingestJobSchema.parse(JSON.parse(readFileSync(0, 'utf8')));
  const tell = (event: IngestEvent): void => {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  };
  const folder = `${order.archive}/${order.account}`;
  const lock = takeLock(`${folder}/.lock`, 'exclusive', PATIENCE);
  if (lock === undefined) throw new Error('another program works on the archive of this host');
  const archive = new DiskHostArchive(order.archive, order.account, order.dryRun ? 'look' : 'work');
  const files = order.files.map(
    ({ name, bytes }, index): OpenPack => ({
      name,
      bytes,
      read: (into) => readSync(FIRST_FILE + index, into, 0, into.length, null),
    }),
  );
  const step = faultPoint();
  ingestHost(archive, files, order, tell, step);
  if (order.keepHouse) {
    keepHouse(archive, order, tell, step);
    clearDamaged(new DiskPool(folder), order, tell);
  }
  if (!order.dryRun) statusIsTold(folder);
  tell({ kind: 'end', state: reportedState(archive, order.limits) });
  lock.release();
}
