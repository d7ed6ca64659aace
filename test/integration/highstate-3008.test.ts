import { proveGeneratedStates } from '../fleet/generated-states.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('Salt 3008');

suite('generated states under Salt 3008', () => proveGeneratedStates('3008'));
