import { PROGRAM_NAMES, type ProgramName } from '../../src/model/compile-inputs.ts';

/**
 * What tests and committed examples have in place of a program's bundle, which changes with every commit. Run, it
 * says what it stands for and with what it was called.
 */
export const standInProgram = (name: ProgramName): string =>
  `console.log('a stand-in for ${name}, called with', process.argv.slice(2)); // examples/README.md says why\n`;

/** A stand-in for every program. */
export const STAND_IN_PROGRAMS: ReadonlyMap<ProgramName, string> = new Map(
  PROGRAM_NAMES.map((name) => [name, standInProgram(name)]),
);
