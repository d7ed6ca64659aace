import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { keptDays, type PricedPlan } from '../../../cost/price-policy.ts';
import { readConfigFile } from '../../../io/config-file.ts';
import type { StoreLocation } from '../../../model/ice/store-location.ts';
import { type OffsiteConfig, offsiteConfigSchema } from '../../../model/offsite-config.ts';
import { printable } from '../../../model/problem.ts';
import { WrongUsage } from '../../wrong-usage.ts';
import { Refused, refuse } from '../archive/archive-options.ts';
import type { CostOptions, PolicyReader } from './cost-options.ts';

/** What is to be priced, and where its sizes may be measured. */
export interface FoundPlan {
  plan: PricedPlan;
  location: StoreLocation;
  /** The archive of this machine, where it is the backup server. */
  archive: string | undefined;
}

const POLICY = 'brinicle.yaml';

function removedAfter({ removedAfter: given }: CostOptions): number | null {
  if (given === undefined) return null;
  if (/^\d{1,5}$/.test(given) && Number(given) > 0) return Number(given);
  throw new WrongUsage('--removed-after is a number of days');
}

async function planOfPolicy(file: string, options: CostOptions, read: PolicyReader): Promise<FoundPlan> {
  const { policy, problems } = await read(file);
  const [first] = problems.filter(({ severity }) => severity === 'error');
  if (policy === undefined) {
    if (first !== undefined) throw new Refused(first);
    throw new WrongUsage(`${file} cannot be read`);
  }
  const { offsite } = policy;
  if (offsite === 'none')
    refuse(
      'cost-plan',
      { at: { file } },
      'offsite is none',
      'nothing leaves the building, so nobody sends a bill',
      'set offsite to a plan, or look at examples/small-office',
    );
  return {
    archive: undefined,
    location: offsite.store,
    plan: {
      store: offsite.store.kind,
      days: offsite.days,
      fullEvery: offsite.full_every === 'always' ? null : offsite.full_every,
      partBytes: offsite.part_size,
      retentionDays: offsite.retention_days,
      removedAfter: removedAfter(options),
    },
  };
}

function planOfServer(file: string, options: CostOptions): FoundPlan {
  const config = readConfigFile(file, offsiteConfigSchema);
  if ('fault' in config)
    refuse(
      'cost-plan',
      { at: { file } },
      printable(config.fault),
      'it says what goes where, and for how long',
      'apply the states of Brinicle on the backup server',
    );
  return planOfConfig(config.value, options);
}

/** The plan that the states wrote for a backup server. */
export function planOfConfig(config: OffsiteConfig, options: CostOptions): FoundPlan {
  const { archive, store, days, full_every, part_bytes, retention_days } = config;
  return {
    archive,
    location: store,
    plan: {
      store: store.kind,
      days,
      fullEvery: full_every,
      partBytes: part_bytes,
      // There it is what the bucket must have.
      retentionDays: retention_days - (full_every ?? 0),
      removedAfter: removedAfter(options),
    },
  };
}

/** Finds what is to be priced: the policy of a folder, this backup server's configuration, or the policy beside it. */
export async function planOf(options: CostOptions, read: PolicyReader | undefined): Promise<FoundPlan> {
  const here = join('.', POLICY);
  let found: FoundPlan;
  if (options.dir !== undefined && read !== undefined)
    found = await planOfPolicy(join(options.dir, POLICY), options, read);
  else if (existsSync(options.config) || read === undefined) found = planOfServer(options.config, options);
  else if (existsSync(here)) found = await planOfPolicy(here, options, read);
  else
    refuse(
      'cost-plan',
      {},
      `there is neither ${POLICY} in this folder nor ${options.config}`,
      'one of them says what goes where, and for how long',
      'name the folder of the policy by -C, or run this on the backup server',
    );
  const { plan } = found;
  if (plan.removedAfter !== null && keptDays({ ...plan, removedAfter: null }) > plan.removedAfter)
    throw new WrongUsage(
      `--removed-after is at least ${keptDays({ ...plan, removedAfter: null })}, for which days the store refuses deletion`,
    );
  return found;
}
