import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { goldenFiles, staleFiles } from './golden/golden-files.ts';
import { repositoryFolder } from './throwaway/base.ts';

const USAGE = `usage: node dist/goldens.mjs [--check]

Writes anew what is compiled from the examples. With --check it writes nothing, names each file that would
change, and ends with 1 if there is any.
`;

async function main(args: readonly string[]): Promise<number> {
  const check = args[0] === '--check';
  if (args.length > (check ? 1 : 0)) {
    process.stderr.write(USAGE);
    return 2;
  }
  const repository = repositoryFolder();
  const stale = staleFiles(await goldenFiles(join(repository, 'examples')));
  for (const { path, wanted } of stale) {
    process.stdout.write(`${check ? 'stale' : 'wrote'}: ${relative(repository, path)}\n`);
    if (check) continue;
    if (wanted === undefined) {
      rmSync(path);
    } else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, wanted);
    }
  }
  if (stale.length === 0) process.stdout.write('every golden is what the examples compile to\n');
  else if (check)
    process.stdout.write(`${stale.length} stale: run npm run goldens, and commit what it writes\n`);
  return check && stale.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
