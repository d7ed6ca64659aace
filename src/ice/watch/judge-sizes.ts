import { error, type Problem } from '../../model/problem.ts';
import type { SurveyedImage } from '../survey-ice.ts';
import { completeOf } from './watched.ts';

/** Images before the newest that it is compared with. */
const COMPARED = 5;

/** Shares of what images were before, below and above which the newest is strange. */
const LEAST = 0.5;
const MOST = 3;

type Says = NonNullable<SurveyedImage['says']>;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const WHY = 'whoever took the backup server may leave out what they do not want kept, or spend your money';
const FIX =
  'look what changed: brinicle versions on the backup server, brinicle ice list; then restore a part of it: brinicle ice restore --host';

/**
 * Whether the newest image is about as large as those before it. The sizes of parts are the store's word; how many
 * hosts and versions it holds is the word of who made it. Increments differ as their days do, and are not measured.
 */
export function judgeSizes(images: readonly SurveyedImage[]): Problem[] {
  const [newest, ...older] = completeOf(images).flatMap(({ name, says }) =>
    says === undefined ? [] : [{ name, says }],
  );
  if (newest === undefined) return [];
  const problems: Problem[] = [];
  const compare = (what: string, of: (says: Says) => number, before: readonly { says: Says }[]): void => {
    const usual = median(before.slice(0, COMPARED).map(({ says }) => of(says)));
    const now = of(newest.says);
    if (usual === 0 || (now >= usual * LEAST && now <= usual * MOST)) return;
    const share = Math.round((now / usual) * 100);
    const problem = error(
      'ice-size',
      {},
      `${newest.name} has ${share} % of the ${what} that images before it had`,
      WHY,
      FIX,
    );
    problems.push(now < usual ? problem : { ...problem, severity: 'warning' });
  };
  if (newest.says.kind === 'full')
    compare(
      'bytes',
      (says) => says.partBytes,
      older.filter(({ says }) => says.kind === 'full'),
    );
  compare('hosts', (says) => says.holds.hosts, older);
  compare('versions', (says) => says.holds.versions, older);
  return problems;
}
