import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { faultText, isFull } from '../../src/io/errno.ts';

/** What Node throws for a system call. */
function fault(code: string, errno: number, text: string): Error {
  return Object.assign(new Error(`${code}: ${text}, write`), { code, errno: -errno, syscall: 'write' });
}

const { EDQUOT, ENOSPC, EROFS } = constants.errno;

test('a disk that is full and a quota that is reached are told from other faults', () => {
  expect(isFull(fault('ENOSPC', ENOSPC, 'no space left on device'))).toBe(true);
  expect(isFull(fault('UNKNOWN', EDQUOT, 'unknown error'))).toBe(true);
  expect(isFull(fault('EROFS', EROFS, 'read-only file system'))).toBe(false);
  expect(isFull(new Error('disk full'))).toBe(false);
});

test('a quota that is reached is told by its name, which Node has not', () => {
  expect(faultText(fault('UNKNOWN', EDQUOT, 'unknown error'))).toBe('EDQUOT: disk quota exceeded');
});
