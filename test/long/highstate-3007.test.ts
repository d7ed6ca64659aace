import { proveGeneratedStates } from '../fleet/generated-states.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('Salt 3007');

suite('generated states under Salt 3007', () => proveGeneratedStates('3007'));
