import { randomBytes } from 'node:crypto';
import { diskReserve } from '../../../io/disk-reserve.ts';
import { DrillFolder } from '../../../io/drill-folder.ts';
import { readDrills, recordDrill } from '../../../io/drill-record-file.ts';
import { faultText, isErrno } from '../../../io/errno.ts';
import type { HeldLock } from '../../../io/file-lock.ts';
import type { Drill, DrillRecord } from '../../../model/ice/drill-record.ts';
import { printable } from '../../../model/problem.ts';
import { byteSize } from '../../../report/figures.ts';
import type { DrawLimits } from '../../../restore/drill/draw-files.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { sizeOption } from '../../size-option.ts';
import { WrongUsage } from '../../wrong-usage.ts';
import { type ArchiveOptions, refuse } from '../archive/archive-options.ts';

/** Options of every drill. */
export interface DrillOptions extends ArchiveOptions {
  files: string;
  bytes: string;
  seed?: string;
  work?: string;
  drills?: string;
  cron?: boolean;
  json?: boolean;
}

/** What is drawn by, as the options say. */
export function drawOptions({ files, bytes, seed }: DrillOptions): DrawLimits & { seed: string } {
  if (!/^[1-9]\d{0,4}$/.test(files)) throw new WrongUsage('--files is a number from 1 to 99999');
  if (seed !== undefined && !/^[\w.-]{1,100}$/.test(seed))
    throw new WrongUsage('--seed is a word of letters, digits, ".", "_" and "-"');
  return {
    files: Number(files),
    bytes: sizeOption('--bytes', bytes),
    seed: seed ?? randomBytes(4).toString('hex'),
  };
}

/** Ends the command because of a place that cannot be used. */
export function refusePlace(file: string, thrown: unknown): never {
  if (!isErrno(thrown)) throw thrown;
  refuse(
    'drill-place',
    { at: { file } },
    printable(faultText(thrown)),
    'a drill restores there for a while, and writes down what it came to',
    'run this as root on the backup server, or name other places by --work DIR and --drills FILE',
  );
}

/** The folder to restore to, which nobody else uses meanwhile; what a killed drill left there is gone. */
export interface HeldFolder {
  folder: DrillFolder;
  lock: HeldLock;
}

/** Takes the folder to restore to; nothing where another drill is under way. Ends the command where it cannot be used. */
export function takeFolder(path: string): HeldFolder | undefined {
  try {
    const folder = new DrillFolder(path);
    if (!folder.isPrivate)
      refuse(
        'drill-place',
        { at: { file: path } },
        'another user may enter it, or made it',
        'what hosts keep for themselves is restored there for a while',
        'name another place by --work DIR, or remove it',
      );
    const lock = folder.lock();
    if (lock === undefined) return undefined;
    folder.clear();
    return { folder, lock };
  } catch (thrown) {
    return refusePlace(path, thrown);
  }
}

/** Bytes that may be restored: as many as are wanted, as far as there is room. */
export function roomFor(wanted: number, folder: DrillFolder): number {
  const free = folder.free();
  const reserve = diskReserve(folder.folder);
  if (free > reserve) return Math.min(wanted, free - reserve);
  return refuse(
    'drill-place',
    { at: { file: folder.folder } },
    `${byteSize(free)} are free, and ${byteSize(reserve)} are to stay free`,
    'a disk that a drill fills keeps pushes from being taken',
    'make room, or name another place by --work DIR',
  );
}

/** What drills came to so far. Ends the command when the file is damaged. */
export function drillsAt(file: string): DrillRecord | undefined {
  const read = readDrills(file);
  if ('record' in read) return read.record;
  refuse(
    'drill-place',
    { at: { file } },
    `the record of drills cannot be used: ${printable(read.fault)}`,
    'what this drill comes to is added to it',
    'restore the file, or remove it',
  );
}

/** Writes down what a drill came to. */
export function noteDrill(file: string, before: DrillRecord | undefined, drill: Drill): void {
  try {
    recordDrill(file, before, drill);
  } catch (thrown) {
    refusePlace(file, thrown);
  }
}

/** Ends the command when nothing can be unpacked. */
export function needExtractor({ extractor }: ArchiveContext): void {
  const unusable = extractor.unusable();
  if (unusable === undefined) return;
  refuse(
    'restore-extractor',
    {},
    `bsdtar cannot be run: ${printable(unusable)}`,
    'a drill restores as a restore does',
    'install it (Debian, Ubuntu: libarchive-tools; RHEL: bsdtar)',
  );
}
