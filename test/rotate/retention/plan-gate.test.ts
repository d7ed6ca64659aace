import { describe, expect, test } from 'vitest';
import type { Circumstances, KnownVersion } from '../../../src/rotate/retention/known-version.ts';
import { planGate } from '../../../src/rotate/retention/plan-gate.ts';
import { planRetention } from '../../../src/rotate/retention/plan-retention.ts';
import { calm, DAY, POLICY, time } from './sample-history.ts';

const HOUR = 3600;
const NOW = time('2026-03-20T12:30');

function every(hours: number, from: number, to: number): KnownVersion[] {
  const versions: KnownVersion[] = [];
  for (let at = from; at <= to; at += hours * HOUR) versions.push({ name: String(at), at, alarmed: false });
  return versions;
}

/** What is left of a host that has pushed for three years, with its last image at a time. */
function settled(hours: number, image: number): KnownVersion[] {
  const circumstances: Circumstances = {
    ...calm(image + 3 * DAY),
    ice: { kind: 'expected', lastCompleteImageBegan: image },
  };
  const plan = planRetention(every(hours, NOW - 1100 * DAY, image + 3 * DAY), POLICY, circumstances);
  return plan.filter(({ verdict }) => verdict === 'keep').map(({ version }) => version);
}

describe('a plan that removes much of the history waits for a person', () => {
  test.each([
    [8, 17],
    [1, 17],
    [1, 34],
    [24, 34],
  ])(
    'an image after the usual or twice the usual time goes through: a push every %i h, images %i days apart',
    (hours, days) => {
      const before = NOW - days * DAY - 3 * DAY;
      const versions = [...settled(hours, before), ...every(hours, before + 3 * DAY + 1, NOW)];
      const ice = { kind: 'expected' as const, lastCompleteImageBegan: NOW - 3 * DAY };
      const plan = planRetention(versions, POLICY, { ...calm(NOW), ice });
      expect(plan.filter(({ verdict }) => verdict === 'remove').length).toBeGreaterThan(10);
      expect(planGate(plan, 'web1')).toEqual({ prune: true });
    },
  );

  test('a clock two years ahead that nothing else noticed does not', () => {
    const plan = planRetention(settled(8, NOW), POLICY, calm(NOW + 730 * DAY));
    expect(planGate(plan, 'web1')).toMatchObject({
      prune: false,
      why: expect.stringMatching(
        /^\d+ of \d+ versions would go, and with them \d+ of \d+ days that have one$/,
      ),
      fix: 'look at it: brinicle retention web1; if it is meant: brinicle accept web1 --prune',
    });
  });

  test('a year in which no image was complete does not', () => {
    const plan = planRetention(every(8, NOW - 400 * DAY, NOW), POLICY, calm(NOW));
    expect(planGate(plan, 'web1').prune).toBe(false);
  });

  test('a small history is below the limits', () => {
    const plan = planRetention(every(8, NOW - 20 * DAY, NOW), POLICY, calm(NOW + 400 * DAY));
    expect(planGate(plan, 'web1')).toEqual({ prune: true });
    expect(planGate(plan, 'web1', { share: 0.5, days: 5 }).prune).toBe(false);
  });
});
