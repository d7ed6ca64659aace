import { constants } from 'node:os';

/** True for what a system call failed with. */
export function isErrno(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string';
}

/** True when nothing of the kind is there any more: it went, or a link or another kind of file took its place. */
export function isGone(thrown: unknown): boolean {
  return (
    isErrno(thrown) && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR' || thrown.code === 'ELOOP')
  );
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
