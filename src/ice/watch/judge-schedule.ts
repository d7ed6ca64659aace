import { error, type Problem } from '../../model/problem.ts';
import type { SurveyedImage } from '../survey-ice.ts';
import { completeOf, daysBetween, type Expected } from './watched.ts';

/** So many intervals are looked back for images that were left out. */
const INTERVALS_BACK = 4;

const LOOK =
  'on the backup server: journalctl -t brinicle-offsite, then brinicle-offsite; if it says that all is well, treat the server as taken';

/** Whether images come as often as they are to: the newest one now, and those of the last while one after the other. */
export function judgeSchedule(images: readonly SurveyedImage[], expected: Expected): Problem[] {
  const complete = completeOf(images);
  const [newest] = complete;
  const { now, everyDays, graceDays } = expected;
  const most = everyDays + graceDays;
  if (newest === undefined)
    return [
      error('ice-schedule', {}, 'the ice holds no complete image', 'nothing could be restored from it', LOOK),
    ];
  const problems: Problem[] = [];
  const age = daysBetween(newest.storedAt, now);
  if (age > most)
    problems.push(
      error(
        'ice-schedule',
        {},
        `the newest complete image, ${newest.name}, came ${age} days ago, and one is due every ${everyDays} days`,
        'what hosts pushed since is nowhere but on the backup server; whoever took that server may have stopped it',
        LOOK,
      ),
    );
  for (const [index, older] of complete.slice(1).entries()) {
    const newer = complete[index];
    if (newer === undefined || daysBetween(newer.storedAt, now) > INTERVALS_BACK * everyDays) break;
    const gap = daysBetween(older.storedAt, newer.storedAt);
    if (gap > most)
      problems.push(
        error(
          'ice-schedule',
          {},
          `${gap} days passed between ${older.name} and ${newer.name}, and one is due every ${everyDays} days`,
          'images that are left out thin the history that no server can take back',
          LOOK,
        ),
      );
  }
  return problems;
}
