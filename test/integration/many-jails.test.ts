import { proveManyJails } from '../backup/many-jails.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

suite('a fleet on one backup server', () => proveManyJails(100, 90));
