import { proveLargePushes } from './prove-large-pushes.ts';

proveLargePushes(100_000);
