import { type Attribute, attributeFits, type ByteText, MAX_LINE } from './entry.ts';
import { MAX_RECORD } from './records.ts';
import { spell } from './spelling.ts';

/** Most bytes of all attributes of an entry: a reader holds its main line too, and the line after the record. */
const MAX_ATTRIBUTES = MAX_RECORD - 2 * MAX_LINE;

/** Attributes of an entry that a manifest takes, and what to say of the others. */
export interface FittingAttributes {
  fits: readonly Attribute[];
  warnings: string[];
}

/** Whoever owns a file gives it as many `user.` attributes as he likes: those of the system must not give way to them. */
function byImportance(one: Attribute, other: Attribute): number {
  const [isUsers, isOthers] = [one.name.startsWith('user.'), other.name.startsWith('user.')];
  return Number(isUsers) - Number(isOthers) || one.value.length - other.value.length;
}

function withinRecord(path: ByteText, attributes: readonly Attribute[]): readonly Attribute[] {
  const word = spell(path).length;
  const lengthOf = ({ name, value }: Attribute): number =>
    '#xattr   \n'.length + word + spell(name).length + value.length;
  const total = attributes.reduce((sum, attribute) => sum + lengthOf(attribute), 0);
  if (total <= MAX_ATTRIBUTES) return attributes;
  const taken = new Set<Attribute>();
  let left = MAX_ATTRIBUTES;
  for (const attribute of [...attributes].sort(byImportance)) {
    left -= lengthOf(attribute);
    if (left < 0) break;
    taken.add(attribute);
  }
  return attributes.filter((attribute) => taken.has(attribute));
}

/**
 * Leaves out the attributes whose lines are too long for a manifest, and the largest ones when all of them together
 * make a record that no reader would take.
 */
export function fittingAttributes(path: ByteText, attributes: readonly Attribute[]): FittingAttributes {
  const warnings: string[] = [];
  const short = attributes.filter((attribute) => {
    const fits = attributeFits(path, attribute);
    if (!fits) warnings.push(`its attribute ${attribute.name} is too long and is left out`);
    return fits;
  });
  const fits = withinRecord(path, short);
  const left = short.length - fits.length;
  if (left > 0)
    warnings.push(`${left} of its attributes, the largest, are left out: all together are more than 4 MiB`);
  return { fits, warnings };
}
