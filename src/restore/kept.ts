/**
 * A copy of what is to be kept from a manifest. Texts that were cut out of one hold on to the whole piece that they
 * were cut from, so a few paths of each piece would keep all of it in memory.
 */
export function kept<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value));
}
