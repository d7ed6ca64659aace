import type { StoreCheck } from '../model/ice/store-checks.ts';
import { type StoreLocation, storeName } from '../model/ice/store-location.ts';
import { type Problem, printable } from '../model/problem.ts';
import { type MendStore, mendGoogle, mendS3 } from './mend-store.ts';
import type { StoreFacts } from './ports.ts';

/** What the policy wants of a store. */
export interface StoreWanted {
  /** Days for which nobody may remove what was uploaded. */
  retention_days: number;
  /** Checks that warn where they would refuse. */
  warn_only: readonly StoreCheck[];
}

/** Days below which no policy goes: promise 8. */
const LEAST_DAYS = 92;

const UNSEEN = 'what cannot be seen is not counted on';

/** What is wrong by one check. */
interface Finding {
  what: string;
  why: string;
}

type Rule = (facts: StoreFacts, days: number) => Finding | undefined;

/** A right that the credential must not have. */
function mustNot(may: boolean | undefined, doing: string, why: string): Finding | undefined {
  if (may === false) return undefined;
  if (may) return { what: `the credential may ${doing}`, why };
  return { what: `whether the credential may ${doing} cannot be found out`, why: UNSEEN };
}

/** What a lifecycle does before the policy lets it. */
function tooEarly(
  done: { days: number; rule: string } | null | undefined,
  doing: string,
  days: number,
  why: string,
): Finding | undefined {
  if (done === undefined)
    return { what: `whether the bucket ${doing} by their age cannot be seen`, why: UNSEEN };
  if (done === null || done.days >= days) return undefined;
  return {
    what: `the bucket ${doing} after ${done.days} of ${days} days: ${printable(done.rule)}`,
    why,
  };
}

const RULES_OF_A_STORE: Record<StoreCheck, Rule> = {
  'store-retention-missing': ({ retentionDays }) => {
    if (retentionDays === undefined)
      return { what: 'whether the bucket refuses deletion cannot be seen', why: UNSEEN };
    if (retentionDays !== null) return undefined;
    return {
      what: 'the bucket has no retention: whoever may delete can delete at once',
      why: 'the ice is to outlive everybody who can reach the backup server or the account',
    };
  },
  'store-retention-unlocked': ({ retentionDays, retentionLocked }) => {
    if (retentionDays === null || retentionLocked === true) return undefined;
    if (retentionLocked === undefined)
      return { what: 'whether the retention of the bucket is locked cannot be seen', why: UNSEEN };
    return {
      what: 'the retention of the bucket is not locked',
      why: 'whoever takes the account over could lift it and delete everything the same minute',
    };
  },
  'store-retention-short': ({ retentionDays }, days) => {
    if (retentionDays === null || retentionDays === undefined || retentionDays >= days) return undefined;
    return {
      what: `the bucket refuses deletion for ${Number(retentionDays.toFixed(2))} days, and the policy wants ${days}`,
      why: 'damage that is found only after weeks must still find good images',
    };
  },
  'store-overwritten-lost': ({ keepsOverwritten }) => {
    if (keepsOverwritten === true) return undefined;
    if (keepsOverwritten === undefined)
      return { what: 'whether the bucket keeps what is overwritten cannot be seen', why: UNSEEN };
    return {
      what: 'the bucket does not keep what is overwritten',
      why: 'a stolen credential could put rubbish under the names of all parts',
    };
  },
  'store-removes-early': ({ removesByAge }, days) =>
    tooEarly(
      removesByAge,
      'removes objects',
      days,
      'an image would go, or be hidden, while the policy counts on it',
    ),
  'store-moves-early': ({ movesByAge }, days) =>
    tooEarly(
      movesByAge,
      'moves objects to another class',
      days,
      'another class has other prices and minimum times than the policy counts with, and may have to be thawed',
    ),
  'store-may-not-create': ({ may }) => {
    if (may.create === true) return undefined;
    if (may.create === undefined)
      return { what: 'whether the credential may create objects cannot be found out', why: UNSEEN };
    return { what: 'the credential may not create objects', why: 'nothing can be uploaded with it' };
  },
  'store-may-delete': ({ may }) =>
    mustNot(may.delete, 'delete objects', 'whoever takes the backup server over could too, once a lock ends'),
  'store-may-overwrite': ({ may }) =>
    mustNot(
      may.overwrite,
      'overwrite objects, or hide them behind newer ones',
      'whoever takes the backup server over could too, and a restore would meet rubbish under good names',
    ),
  'store-may-change-retention': ({ may }) =>
    mustNot(
      may.changeRetention,
      'change the retention of the bucket or of objects',
      'whoever takes the backup server over could shorten it for what comes, or lengthen it at your cost',
    ),
  'store-may-change-policy': ({ may }) =>
    mustNot(
      may.changePolicy,
      'change who may do what',
      'whoever takes the backup server over could give themselves every other right',
    ),
};

/**
 * What is wrong with a store, before a byte is sent to it; empty when all is well. A problem of a check that is in
 * `warn_only` is a warning and says so.
 */
export function checkStore(location: StoreLocation, facts: StoreFacts, wanted: StoreWanted): Problem[] {
  if (location.kind === 'folder') return [folderWarning(location.path)];
  const mend = location.kind === 'google' ? mendGoogle(location) : mendS3(location);
  const days = Math.max(LEAST_DAYS, wanted.retention_days);
  const at = { file: storeName(location) };
  return Object.entries(RULES_OF_A_STORE).flatMap(([name, rule]) => {
    const check = name as StoreCheck;
    const found = rule(facts, days);
    return found === undefined ? [] : [problemOf(check, found, at, days, mend, wanted.warn_only)];
  });
}

function problemOf(
  rule: StoreCheck,
  { what, why }: Finding,
  at: { file: string },
  days: number,
  mend: MendStore,
  warnOnly: readonly StoreCheck[],
): Problem {
  const fix = mend(rule, days);
  if (!warnOnly.includes(rule)) return { rule, severity: 'error', at, what, why, fix };
  return { rule, severity: 'warning', at, what: `${what} (allowed by offsite.warn_only)`, why, fix };
}

function folderWarning(path: string): Problem {
  return {
    rule: 'store-folder',
    severity: 'warning',
    at: { file: path },
    what: 'the ice is a folder of this machine',
    why: 'whoever is root here can remove it: a folder is for trying out, and for disks that are carried away',
    fix: 'carry the disk away after each image, or name a bucket: docs/stores.md',
  };
}
