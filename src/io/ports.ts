import type { ProgramName } from '../model/compile-inputs.ts';
import type { OutputTree } from '../model/output-tree.ts';

/** A text that was read, or why not. */
export type TextRead = { text: string } | { absent: true } | { tooLarge: true } | { fault: string };

/** Files, as the stages need them. Nothing here throws for what a disk can do; it is said in the result. */
export interface Files {
  /** Reads a UTF-8 text of at most `maxBytes`; a lone byte that is no UTF-8 is a fault. */
  readText(path: string, maxBytes: number): TextRead;
  /** Reads all of standard input, likewise. */
  readStandardInput(maxBytes: number): TextRead;
  /** The text of a program of this very build, which lies beside the one that runs. */
  readProgram(name: ProgramName): TextRead;
  /** Replaces a file: written beside it, synced, renamed. Returns what went wrong, if anything. */
  replaceFile(path: string, text: string): string | undefined;
  /** Creates a file that must not be there yet, for others to read unless `mode` says otherwise. */
  createFile(path: string, text: string, mode?: number): string | undefined;
  /** Every file below a folder, by path with `/`; what is no regular file is there without text. An absent folder is an empty tree. */
  readTree(folder: string): { tree: OutputTree } | { fault: string };
  /**
   * Makes a folder hold exactly `after`, knowing that it holds `before`. All new text is written before the
   * first file is replaced; each file is replaced by a rename. Returns what went wrong, if anything.
   */
  replaceTree(folder: string, before: OutputTree, after: OutputTree): string | undefined;
}
