import { dump } from 'js-yaml';

const BATCH = 20_000;

/**
 * Names and keys as most are: two letters first, then letters, digits and marks that are nothing in YAML. js-yaml
 * spells each as it stands, which a property test holds, and takes ten times as long to find that out.
 */
const AS_IT_STANDS = /^[a-z]{2}[a-z0-9]*[-. ][A-Za-z0-9+/=._ -]*[A-Za-z0-9=]$/;

function dumped(values: readonly (string | number)[]): string[] {
  const scalars: string[] = [];
  for (let at = 0; at < values.length; at += BATCH) {
    const batch = values.slice(at, at + BATCH);
    const lines = dump(batch, { lineWidth: -1 }).split('\n');
    if (lines.length !== batch.length + 1) throw new Error('a scalar with a line break reached the emitter');
    for (let i = 0; i < batch.length; i++) scalars.push((lines[i] ?? '').slice(2));
  }
  return scalars;
}

/**
 * The YAML spelling of texts and numbers, each on one line, by js-yaml (quoted so that YAML 1.1 and 1.2 read
 * the same). They are dumped as one sequence and taken apart, ten times faster than one by one.
 * Throws on a text with a line break: such a text has no place in what is emitted.
 */
export function yamlScalars(values: readonly (string | number)[]): string[] {
  const isPlain = (value: string | number): value is string =>
    typeof value === 'string' && AS_IT_STANDS.test(value);
  const others = dumped(values.filter((value) => !isPlain(value)));
  let next = 0;
  return values.map((value) => (isPlain(value) ? value : (others[next++] ?? '')));
}

/** A whole YAML document by js-yaml, in the order in which the keys were set. */
export function yamlDocument(value: unknown): string {
  return dump(value, { lineWidth: -1 });
}
