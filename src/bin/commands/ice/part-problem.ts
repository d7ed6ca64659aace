import type { PartTrouble } from '../../../ice/part-fault.ts';
import { error, type Problem } from '../../../model/problem.ts';
import { count } from '../../../report/figures.ts';

const MEANING: Record<PartTrouble['why'], string> = {
  lost: 'is lost',
  altered: 'was altered in the store',
  'made-wrong': 'is as it was uploaded, and wrong',
  'no-key': 'cannot be opened',
};

/** What a person is told of a part that cannot be used; `hurts` are images that need the one it is of. */
export function partProblem(trouble: PartTrouble, image: string, hurts: readonly string[] = []): Problem {
  const { name, number, why, what } = trouble;
  const where = `${image}: part ${count(number)}, ${name}, ${MEANING[why]}: ${what}`;
  if (why === 'no-key')
    return error(
      'ice-key',
      {},
      where,
      'nothing but the private key opens it',
      'run this where that key is, or name it by --key FILE; docs/keys.md gets it back from paper',
    );
  const others =
    hurts.length === 0 ? '' : `, and with it ${hurts.slice(0, 5).join(', ')}${hurts.length > 5 ? ' …' : ''}`;
  return error(
    'ice-part',
    {},
    where,
    `the image cannot be put together without it${others}`,
    why === 'made-wrong'
      ? 'who made the image made it so: treat the backup server as taken, and restore an older image (brinicle ice list)'
      : 'restore the image before or after it (brinicle ice list), and ask the store’s operator about the object',
  );
}
