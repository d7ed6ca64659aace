import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { StoreFault } from '../../offsite/ports.ts';
import { faultText } from '../errno.ts';

/** More than any credential has. */
const MAX_BYTES = 64 * 1024;

/**
 * The text of a file with a credential. One that others than its owner can read is refused, and so is one whose owner
 * is neither root nor who asks: whoever else reads or writes it could use, or replace, the credential.
 */
export function readCredentialsFile(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { mode, uid, size } = fstatSync(file);
    if ((mode & 0o077) !== 0)
      throw new StoreFault(
        'refused',
        `others than its owner can read or change the credentials file ${path}: chmod 600 ${path}`,
      );
    if (uid !== 0 && uid !== process.getuid?.())
      throw new StoreFault(
        'refused',
        `the credentials file ${path} belongs to uid ${uid}: chown root ${path}`,
      );
    if (size > MAX_BYTES)
      throw new StoreFault('refused', `the credentials file ${path} is larger than any credential`);
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    if (thrown instanceof StoreFault) throw thrown;
    throw new StoreFault('refused', `the credentials file ${path} cannot be read: ${faultText(thrown)}`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
