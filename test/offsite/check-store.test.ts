import { describe, expect, test } from 'vitest';
import { STORE_CHECKS, type StoreCheck } from '../../src/model/ice/store-checks.ts';
import type { StoreLocation } from '../../src/model/ice/store-location.ts';
import { checkStore } from '../../src/offsite/check-store.ts';
import type { StoreFacts } from '../../src/offsite/ports.ts';

const google: StoreLocation = { kind: 'google', bucket: 'our-ice', prefix: 'office/', class: 'NEARLINE' };
const s3: StoreLocation = {
  kind: 's3',
  bucket: 'our-ice',
  prefix: '',
  region: 'eu-central-1',
  class: 'GLACIER_IR',
};

const good: StoreFacts = {
  retentionDays: 100,
  retentionLocked: true,
  keepsOverwritten: true,
  removesByAge: null,
  movesByAge: null,
  may: { create: true, delete: false, overwrite: false, changeRetention: false, changePolicy: false },
};

const policy = { retention_days: 92, warn_only: [] as StoreCheck[] };

/** Facts that break one check each, and those that leave it unseen. */
const BREACHES: Record<StoreCheck, { bad: Partial<StoreFacts>; unseen?: Partial<StoreFacts> }> = {
  'store-retention-missing': { bad: { retentionDays: null }, unseen: { retentionDays: undefined } },
  'store-retention-unlocked': { bad: { retentionLocked: false }, unseen: { retentionLocked: undefined } },
  'store-retention-short': { bad: { retentionDays: 91.5 } },
  'store-overwritten-lost': { bad: { keepsOverwritten: false }, unseen: { keepsOverwritten: undefined } },
  'store-removes-early': {
    bad: { removesByAge: { days: 91, rule: 'rule x' } },
    unseen: { removesByAge: undefined },
  },
  'store-moves-early': {
    bad: { movesByAge: { days: 0, rule: 'rule x' } },
    unseen: { movesByAge: undefined },
  },
  'store-may-not-create': {
    bad: { may: { ...good.may, create: false } },
    unseen: { may: { ...good.may, create: undefined } },
  },
  'store-may-delete': {
    bad: { may: { ...good.may, delete: true } },
    unseen: { may: { ...good.may, delete: undefined } },
  },
  'store-may-overwrite': {
    bad: { may: { ...good.may, overwrite: true } },
    unseen: { may: { ...good.may, overwrite: undefined } },
  },
  'store-may-change-retention': {
    bad: { may: { ...good.may, changeRetention: true } },
    unseen: { may: { ...good.may, changeRetention: undefined } },
  },
  'store-may-change-policy': {
    bad: { may: { ...good.may, changePolicy: true } },
    unseen: { may: { ...good.may, changePolicy: undefined } },
  },
};

const cases = STORE_CHECKS.flatMap((check) =>
  [google, s3].map((location) => ({ check, location, store: location.kind })),
);

describe('checkStore', () => {
  test.each([google, s3])('has nothing to say of a store that is as it should be', (location) => {
    expect(checkStore(location, good, policy)).toEqual([]);
    expect(checkStore(location, { ...good, removesByAge: { days: 92, rule: 'x' } }, policy)).toEqual([]);
  });

  test.each(cases)('$check refuses on $store, alone, with a command of that store', ({ check, location }) => {
    const { bad, unseen } = BREACHES[check];
    for (const facts of [bad, ...(unseen === undefined ? [] : [unseen])]) {
      const problems = checkStore(location, { ...good, ...facts }, policy);
      expect(problems.map(({ rule, severity }) => [rule, severity])).toEqual([[check, 'error']]);
      const [problem] = problems;
      expect(problem?.fix).toMatch(
        location.kind === 'google' ? /gcloud storage buckets/ : /aws (?:s3api|iam)/,
      );
      expect(problem?.at?.file).toBe(location.kind === 'google' ? 'gs://our-ice/office/' : 's3://our-ice/');
      if (facts === unseen) expect(problem?.what).toContain('cannot be');
    }
  });

  test.each(cases)(
    '$check becomes a warning on $store where the policy says so, and tells it',
    ({ check, location }) => {
      const facts = { ...good, ...BREACHES[check].bad };
      const [problem, ...others] = checkStore(location, facts, { ...policy, warn_only: [check] });
      expect(others).toEqual([]);
      expect(problem).toMatchObject({ rule: check, severity: 'warning' });
      expect(problem?.what).toContain('allowed by offsite.warn_only');
      const other = STORE_CHECKS.filter((one) => one !== check);
      expect(checkStore(location, facts, { ...policy, warn_only: other })[0]?.severity).toBe('error');
    },
  );

  test('holds more days than the policy wants against the policy, and never fewer than 92', () => {
    const rules = (retentionDays: number, retention_days: number) =>
      checkStore(google, { ...good, retentionDays }, { ...policy, retention_days }).map(({ fix }) => fix);
    expect(rules(100, 120)).toEqual(['gcloud storage buckets update gs://our-ice --retention-period=120d']);
    expect(rules(60, 30)).toEqual(['gcloud storage buckets update gs://our-ice --retention-period=92d']);
    expect(rules(92, 30)).toEqual([]);
  });

  test('a store without any retention is told of once', () => {
    const facts = { ...good, retentionDays: null, retentionLocked: false };
    expect(checkStore(s3, facts, policy).map(({ rule }) => rule)).toEqual(['store-retention-missing']);
  });

  test('a folder is a warning, whatever it says of itself', () => {
    const facts = { ...good, retentionDays: null, may: { ...good.may, delete: true } };
    const problems = checkStore({ kind: 'folder', path: '/mnt/ice' }, facts, policy);
    expect(problems).toMatchObject([{ rule: 'store-folder', severity: 'warning' }]);
  });
});
