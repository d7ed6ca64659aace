/** A first and a last uid. */
export type UidRange = readonly [number, number];

/** The highest uid that is given; some tools still keep uids in 32 bits with a sign. */
export const MAX_UID = 2_147_483_647;

const RESERVED = [
  { low: 0, high: 999, whose: "the system's" },
  { low: 60_000, high: 65_535, whose: "the distribution's and systemd's" },
  { low: 524_288, high: 1_879_048_191, whose: "systemd's containers'" },
] as const;

/** Why no host may have a uid of this range, or undefined. Ranges as in systemd's UIDS-GIDS and Debian policy 9.2.2. */
export function uidRangeFault([low, high]: UidRange): { what: string; why: string } | undefined {
  if (low > high) return { what: `${low}–${high} runs backwards`, why: 'no uid lies in it' };
  if (high > MAX_UID)
    return { what: `${low}–${high} goes beyond ${MAX_UID}`, why: 'some tools know no such uid' };
  const reserved = RESERVED.find((range) => low <= range.high && high >= range.low);
  if (reserved === undefined) return undefined;
  const what = low === high ? `${low}` : `${low}–${high} reaches into ${reserved.low}–${reserved.high}`;
  return { what, why: `those uids are ${reserved.whose}` };
}
