import type { RestoredFile } from '../../model/archive/restored-file.ts';
import type { FileEntry } from '../../model/manifest/entry.ts';
import { adaptEntry } from '../adapt-entry.ts';

/** Moments that every file system can hold; one that lies elsewhere says nothing of a restore. */
const TIMES = { first: -(2 ** 31), last: 2 ** 31 - 1 };

function timeDiffers({ time: wanted }: FileEntry, { time: found }: RestoredFile): boolean {
  if (wanted.seconds < TIMES.first || wanted.seconds > TIMES.last) return false;
  if (found.seconds !== wanted.seconds) return true;
  // A file system without parts of seconds has zeros there.
  return found.nanoseconds !== 0 && found.nanoseconds !== wanted.nanoseconds;
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

const moment = ({ seconds, nanoseconds }: RestoredFile['time']): string =>
  `${seconds}.${String(nanoseconds).padStart(9, '0')}`;

/** What of a restored file is other than its manifest says, in words; nothing when all is as it was. */
export function judgeFile(entry: FileEntry, found: RestoredFile | { fault: string }): string[] {
  if ('fault' in found) return [found.fault];
  const adapted = adaptEntry(entry, 'plain-user').entry;
  const mode = adapted?.kind === 'file' ? adapted.mode : entry.mode;
  return [
    ...(found.bytes === entry.size ? [] : [`it has ${found.bytes} bytes, and not ${entry.size}`]),
    ...(found.sha256 === entry.object ? [] : ['its content has another SHA-256']),
    ...(found.mode === mode ? [] : [`its mode is ${octal(found.mode)}, and not ${octal(mode)}`]),
    ...(timeDiffers(entry, found)
      ? [`its time is ${moment(found.time)}, and not ${moment(entry.time)}`]
      : []),
  ];
}
