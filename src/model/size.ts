import * as z from 'zod';

/** What a size in the policy may be: bytes as a number, or a number with KiB, MiB, GiB or TiB. */
const SIZE = /^(\d+(?:\.\d+)?) ?(KiB|MiB|GiB|TiB)$/;

/** Bytes of the units that a size may have. */
export const UNIT = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

/** zod schema of a size in the policy; gives bytes. */
export const sizeSchema = z
  .union([z.int().min(1), z.string().regex(SIZE, 'a size is a number of bytes, or like 512MiB or 20GiB')])
  .transform((given): number => {
    if (typeof given === 'number') return given;
    const [, number = '0', unit = 'KiB'] = SIZE.exec(given) ?? [];
    return Math.round(Number(number) * UNIT[unit as keyof typeof UNIT]);
  })
  .refine((bytes) => bytes >= 1 && Number.isSafeInteger(bytes), 'a size is from 1 byte to below 8192TiB');

/** zod schema of a size that is not below a least one, which `least` names as the policy would. */
export function sizeFrom(bytes: number, least: string): typeof sizeSchema {
  return sizeSchema.refine((given) => given >= bytes, `at least ${least}`);
}
