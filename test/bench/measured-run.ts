import { z } from 'zod';
import measureProgram from './measure.py';

const measured = z.object({ seconds: z.number(), cpu: z.number(), peak_kib: z.number() });

/** What a whole process took, from its start to its end. */
export interface Measured {
  seconds: number;
  peakMiB: number;
}

/** The command that runs another one and writes what it took into a file. Needs python3 alone. */
export function measuring(file: string, argv: readonly string[]): string[] {
  return ['python3', '-c', measureProgram, file, ...argv];
}

/** Reads what `measuring` wrote. */
export function readMeasured(text: string): Measured {
  const { seconds, peak_kib } = measured.parse(JSON.parse(text));
  return { seconds, peakMiB: peak_kib / 1024 };
}
