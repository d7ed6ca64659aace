import { error, type Problem } from '../../model/problem.ts';
import type { SurveyedImage } from '../survey-ice.ts';
import { daysBetween, type Expected } from './watched.ts';

const FIX =
  'brinicle ice verify names all of it; the images before and after it are listed by brinicle ice list';

/**
 * Whether what is there is whole, and only what Brinicle uploads. An image without an index is one that is being
 * uploaded, or was given up, of which the run itself tells.
 */
export function judgeParts(images: readonly SurveyedImage[], { now, graceDays }: Expected): Problem[] {
  const problems: Problem[] = [];
  for (const { name, says, incomplete, storedAt, faults, meddling } of images) {
    if (incomplete !== undefined && says !== undefined)
      problems.push(error('ice-part', {}, `${name}: ${incomplete}`, 'it cannot be restored', FIX));
    if (says === undefined && faults.length > 0 && daysBetween(storedAt, now) > graceDays)
      problems.push(error('ice-index', {}, `${name}: ${incomplete}`, 'it cannot be restored', FIX));
    const strange = says === undefined ? [] : [...meddling, ...faults];
    const [first] = strange;
    if (first !== undefined)
      problems.push(
        error(
          'ice-meddling',
          {},
          `${name}: ${first}${strange.length > 1 ? `, and ${strange.length - 1} more` : ''}`,
          'Brinicle uploads each object once and under a fresh name; what was there first counts, and can be restored',
          'treat the backup server, whose credential did this, as taken',
        ),
      );
  }
  return problems;
}
