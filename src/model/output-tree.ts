/** A compiled output: file contents by path below the output folder, `/` between names. */
export type OutputTree = ReadonlyMap<string, string>;
