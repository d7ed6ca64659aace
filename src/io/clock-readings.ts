import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import type { ClockReading } from '../rotate/ports.ts';
import { replaceDurably } from './durable.ts';

const readingSchema = z.object({ now: z.number(), uptime: z.number(), bootId: z.string() });

/** What the machine's clocks say. `wall` is the wall clock in Unix seconds. */
export function readClocks(wall: number): ClockReading {
  return {
    now: wall,
    uptime: Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]),
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
  };
}

/** The reading that an earlier run remembered. Lost or damaged it is as on the first run: nothing is removed once. */
export function rememberedReading(path: string): ClockReading | undefined {
  try {
    return readingSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Remembers a reading for the next run. */
export function saveReading(path: string, reading: ClockReading): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  replaceDurably(path, `${JSON.stringify(reading)}\n`);
}
