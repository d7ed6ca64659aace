/** Matches minion IDs against a pattern. */
export type Matcher = (minionId: string) => boolean;

type Step = { kind: 'any' } | { kind: 'one'; accepts: (char: string) => boolean };

function classStep(body: string): Step {
  const negated = body.startsWith('!');
  const chars = [...(negated ? body.slice(1) : body)];
  const ranges: [string, string][] = [];
  for (let i = 0; i < chars.length; i++) {
    const low = chars[i] ?? '';
    const isRange = chars[i + 1] === '-' && chars[i + 2] !== undefined;
    ranges.push([low, isRange ? (chars[i + 2] ?? low) : low]);
    if (isRange) i += 2;
  }
  return {
    kind: 'one',
    accepts: (char) => ranges.some(([low, high]) => char >= low && char <= high) !== negated,
  };
}

function parse(pattern: string): Step[] {
  const steps: Step[] = [];
  const chars = [...pattern];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] ?? '';
    if (char === '*') {
      if (steps.at(-1)?.kind !== 'any') steps.push({ kind: 'any' });
      continue;
    }
    if (char === '?') {
      steps.push({ kind: 'one', accepts: () => true });
      continue;
    }
    // A `]` that comes first, also after `!`, stands for itself.
    const close = char === '[' ? chars.indexOf(']', i + (chars[i + 1] === '!' ? 3 : 2)) : -1;
    if (close > 0) {
      steps.push(classStep(chars.slice(i + 1, close).join('')));
      i = close;
      continue;
    }
    steps.push({ kind: 'one', accepts: (other) => other === char });
  }
  return steps;
}

/**
 * Compiles a glob as Salt targets minions with (Python's fnmatch: `*`, `?`, `[a-z]`, `[!a-z]`), matched
 * against the whole ID, case counts. Runs in time pattern × ID at worst, whatever the pattern.
 */
export function globMatcher(pattern: string): Matcher {
  const steps = parse(pattern);
  if (steps.length === 1 && steps[0]?.kind === 'any') return () => true;
  return (minionId) => {
    const chars = [...minionId];
    let at = 0;
    let step = 0;
    let star = -1;
    let resume = 0;
    while (at < chars.length) {
      const current = steps[step];
      if (current?.kind === 'any') {
        star = step++;
        resume = at;
      } else if (current?.accepts(chars[at] ?? '')) {
        step++;
        at++;
      } else if (star >= 0) {
        step = star + 1;
        at = ++resume;
      } else {
        return false;
      }
    }
    while (steps[step]?.kind === 'any') step++;
    return step === steps.length;
  };
}
