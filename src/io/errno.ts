/** True for what a system call failed with. */
export function isErrno(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string';
}

/** What a system call failed with, without the path, which the caller tells. Anything else is thrown on. */
export function faultText(thrown: unknown): string {
  if (!isErrno(thrown)) throw thrown;
  return thrown.message.replace(/, [a-z]+(?: '.*)?$/s, '');
}
