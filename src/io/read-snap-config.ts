import { readFileSync } from 'node:fs';
import { error, type Problem, printable } from '../model/problem.ts';
import { type SnapConfig, snapConfigSchema } from '../model/snap-config.ts';
import { isErrno } from './errno.ts';

/** snap's configuration, or what is wrong with it. */
export function readSnapConfig(path: string): { config: SnapConfig } | { problem: Problem } {
  const refuse = (what: string): { problem: Problem } => ({
    problem: error(
      'program-config',
      { at: { file: path } },
      what,
      'it says what is pushed, and where to',
      'apply the states of Brinicle here: they write it',
    ),
  });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    if (!isErrno(thrown)) throw thrown;
    return refuse(
      thrown.code === 'ENOENT' ? 'it is not there' : `it cannot be read: ${printable(thrown.message)}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('it is not JSON');
  }
  const parsed = snapConfigSchema.safeParse(value);
  if (parsed.success) return { config: parsed.data };
  const issue = parsed.error.issues[0];
  return refuse(
    `${printable(issue?.path.map(String).join('.') || 'it')}: ${printable(issue?.message ?? '')}`,
  );
}
