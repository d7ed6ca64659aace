import { constants } from 'node:os';

/** True for what a system call failed with. */
export function isErrno(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string';
}

/** True when a disk quota is reached, which Node has no name for: it says UNKNOWN. */
function isOverQuota(thrown: NodeJS.ErrnoException): boolean {
  return thrown.errno === -constants.errno.EDQUOT;
}

/** True for what a disk or a quota of it answers that takes no more. */
export function isFull(thrown: unknown): boolean {
  return isErrno(thrown) && (thrown.code === 'ENOSPC' || isOverQuota(thrown));
}

/** What a system call failed with, without the path, which the caller tells. Anything else is thrown on. */
export function faultText(thrown: unknown): string {
  if (!isErrno(thrown)) throw thrown;
  if (isOverQuota(thrown)) return 'EDQUOT: disk quota exceeded';
  return thrown.message.replace(/, [a-z]+(?: '.*)?$/s, '');
}
