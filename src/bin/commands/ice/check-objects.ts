import { isRight, objectsBelow } from '../../../io/ice/unpacked-tree.ts';
import { error, type Problem } from '../../../model/problem.ts';
import { count } from '../../../report/figures.ts';

/** Objects that are named, at most. */
const MOST_NAMED = 20;

/** Compares each object of an unpacked image, or of a chain of them, with its name. */
export function checkObjects(tree: string, image: string): { objects: number; problems: Problem[] } {
  const wrong: string[] = [];
  let objects = 0;
  let bad = 0;
  for (const object of objectsBelow(tree)) {
    objects++;
    if (isRight(object)) continue;
    bad++;
    if (wrong.length < MOST_NAMED) wrong.push(`${object.account} ${object.object}`);
  }
  if (bad === 0) return { objects, problems: [] };
  const more = bad > wrong.length ? ' …' : '';
  const problem = error(
    'object-damaged',
    {},
    `${image}: objects that are not what their names say: ${count(bad)}: ${wrong.join(', ')}${more}`,
    'they were damaged before the image was made; a restore leaves out what needs them',
    'take those files from another image, and run brinicle verify on the backup server',
  );
  return { objects, problems: [problem] };
}
