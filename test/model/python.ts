import { spawnSync } from 'node:child_process';

/** Runs a Python program with JSON as `given` and reads the JSON that it prints: an oracle that is not our code. */
export function askPython(program: string, given: unknown): unknown {
  const script = `import json, sys\ngiven = json.load(sys.stdin)\n${program}\n`;
  const ran = spawnSync('python3', ['-I', '-c', script], {
    input: JSON.stringify(given),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (ran.status !== 0) throw new Error(`python3: ${ran.error?.message ?? ran.stderr}`);
  return JSON.parse(ran.stdout);
}
