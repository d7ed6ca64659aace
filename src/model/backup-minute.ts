import { crc32 } from 'node:zlib';

/**
 * The minute of the hour (0 to 59) at which a host starts its push: CRC-32 of the minion ID's UTF-8 bytes
 * modulo 60, as Python's `zlib.crc32(id.encode()) % 60` gives it. The minion ID stands for the hostname,
 * because it alone is vouched for by the master: hostname and grains are the minion's own word.
 */
export function backupMinute(minionId: string): number {
  return crc32(Buffer.from(minionId, 'utf8')) % 60;
}

/** The second (0 to 59) after the start of that minute: hosts of one minute do not begin at once. */
export function backupSecond(minionId: string): number {
  return Math.floor(crc32(Buffer.from(minionId, 'utf8')) / 60) % 60;
}
