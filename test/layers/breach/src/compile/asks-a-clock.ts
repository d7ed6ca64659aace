import { performance } from 'node:perf_hooks';
import { write } from '../io/disk.ts';

export const late = (): void => write(String(performance.now()));
