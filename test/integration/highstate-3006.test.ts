import { proveGeneratedStates } from '../fleet/generated-states.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('Salt 3006');

suite('generated states under Salt 3006', () => proveGeneratedStates('3006'));
