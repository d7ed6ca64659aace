import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AttackedArchive, type CaseReport, type Tally } from './attacked-archive.ts';

/** Cases over one archive, before another is begun. */
const CASES = 60;

/** In memory where there is such a folder: an fsync costs nothing there. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Who nobody is: root would be let through where the ingest's user is not. */
const NOBODY = 65_534;

/** Runs what is given as nobody, when this is root. */
function asNobody(run: () => void): void {
  const isRoot = process.geteuid?.() === 0;
  const umask = process.umask(0o077);
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    run();
  } finally {
    if (isRoot) process.seteuid?.(0);
    process.umask(umask);
  }
}

/** Runs cases over one archive after the other, and stops at the first that is wrong. */
export async function fuzz(
  seed: number,
  cases: number,
  done: (tally: Tally) => void,
): Promise<{ tally: Tally; wrong: CaseReport | undefined }> {
  const tally: Tally = { cases: 0, versions: 0, refused: 0, tried: new Map(), passed: new Map() };
  let wrong: CaseReport | undefined;
  for (let archive = 0; tally.cases < cases && wrong === undefined; archive++) {
    const top = mkdtempSync(join(PLACE, 'brinicle-hostile-'));
    if (process.geteuid?.() === 0) chownSync(top, NOBODY, NOBODY);
    const own = (seed + archive * 7919) >>> 0;
    try {
      asNobody(() => {
        const fuzzed = new AttackedArchive(own, top, tally);
        for (let number = 0; number < CASES && wrong === undefined; number++) {
          const report = fuzzed.run(number, own);
          if (report.faults.length > 0) wrong = report;
        }
        const faults = wrong === undefined ? fuzzed.end() : [];
        if (faults.length > 0) wrong = { seed: own, number: CASES, what: 'all of it once more', faults };
      });
    } finally {
      rmSync(top, { recursive: true, force: true });
    }
    done(tally);
    // The test runner has to hear of us now and then.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { tally, wrong };
}
