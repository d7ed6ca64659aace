import { diskFiles } from '../io/disk-files.ts';
import { runCommandLine } from './command-line.ts';
import { processTerminal } from './terminal.ts';

// The master may run as a user of its own, and reads what is written here.
process.umask(0o022);
process.exitCode = await runCommandLine(process.argv.slice(2), diskFiles, processTerminal);
