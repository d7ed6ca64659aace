import { sizeSchema } from '../model/size.ts';
import { WrongUsage } from './wrong-usage.ts';

/** Bytes by an option, as `500GiB` or a number; throws {@link WrongUsage} for anything else. */
export function sizeOption(option: string, given: string): number {
  const parsed = sizeSchema.safeParse(/^\d+$/.test(given) ? Number(given) : given);
  if (parsed.success) return parsed.data;
  throw new WrongUsage(`${option} is a size such as 500GiB`);
}
