import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryFolder } from '../throwaway/base.ts';

const BEGIN = '<!-- figures: written by npm run bench -- --write -->';
const END = '<!-- end of figures -->';

/** Replaces the part of BENCHMARKS.md between its two marks. */
export function writeBenchmarks(text: string): void {
  const file = join(repositoryFolder(), 'BENCHMARKS.md');
  const before = readFileSync(file, 'utf8');
  const begin = before.indexOf(BEGIN);
  const end = before.indexOf(END);
  if (begin < 0 || end < begin) throw new Error('BENCHMARKS.md has lost the marks of its figures');
  writeFileSync(file, `${before.slice(0, begin + BEGIN.length)}\n\n${text.trim()}\n\n${before.slice(end)}`);
}
