import { DiskHostArchive } from '../../../io/host-archive.ts';
import { printable } from '../../../model/problem.ts';
import { span, table } from '../../../report/figures.ts';
import { pruneStop, removedBy, retentionOf } from '../../../rotate/keep-house.ts';
import type { RetentionPlan } from '../../../rotate/retention/plan-retention.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { EXIT, type ExitCode, jsonText } from '../../terminal.ts';
import { findHost, type OpenedHost, openArchive } from './archive-options.ts';
import { type CareOptions, caring, clockOf, serverConfig } from './care-options.ts';

/** What the next prune of a host does, and what would stop it. */
export interface ComingPrune {
  now: number;
  plan: RetentionPlan;
  /** Why the clock lets nothing be removed, and what to do; null when it does. */
  clockStop: string | null;
  /** Why nothing of it is done, the clock included, and what to do; nothing when it is. */
  stop: string | undefined;
  /** How many versions a person allowed to remove. */
  allowed: number | null;
  /** Days after which a push that is not gone on with is given up; nothing when there is none. */
  waitsForPush: number | undefined;
  /** True when nobody but root can say whether the clock would stop it. */
  clockUnknown: boolean;
}

/** What the next prune of a host would do; nothing is changed. */
export function comingPrune(
  { reader, account }: OpenedHost,
  options: CareOptions,
  context: ArchiveContext,
): ComingPrune {
  const config = serverConfig(context);
  const { now, verdict, unknown } = clockOf(options, context);
  const archive = new DiskHostArchive(reader.folder, account, 'look');
  const rules = {
    account,
    now,
    retention: config.retention,
    waitForIce: config.wait_for_ice,
    staleDays: config.stale_days,
    noPrune: unknown || verdict.prune ? null : `${verdict.why}; ${verdict.fix}`,
  };
  const plan = retentionOf(archive, rules);
  const { pruneAllowed } = archive.state();
  return {
    now,
    plan,
    clockStop: rules.noPrune,
    stop: pruneStop(plan, rules, pruneAllowed),
    allowed: pruneAllowed,
    waitsForPush: archive.unfinished().length > 0 ? config.abandon_days : undefined,
    clockUnknown: unknown,
  };
}

function closingLines(prune: ComingPrune, shown: string): string[] {
  const removed = removedBy(prune.plan);
  if (removed === 0) return [`nothing of ${shown} goes`];
  return [
    `${removed} of ${prune.plan.length} versions of ${shown} go when rotate keeps house: once a day, or by brinicle-rotate --keep-house ${shown}`,
    ...(prune.stop === undefined ? [] : [`but nothing is removed: ${prune.stop}`]),
    ...(prune.allowed === null ? [] : [`allowed by brinicle accept --prune: ${prune.allowed}`]),
    ...(prune.waitsForPush === undefined
      ? []
      : [
          `a push is not whole yet: nothing is removed until it is, or is given up after ${prune.waitsForPush} days`,
        ]),
    ...(prune.clockUnknown ? ['whether the clock would stop it, root alone can see'] : []),
  ];
}

/** `retention HOST`: what becomes of each version, and which rule says so. */
export async function retentionCommand(
  name: string,
  options: CareOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  return caring(context, () => {
    const host = findHost(openArchive(options, context), name);
    const prune = comingPrune(host, options, context);
    const { terminal } = context;
    if (options.json === true) {
      terminal.out(
        jsonText({
          host: host.shown,
          account: host.account,
          now: Math.floor(prune.now),
          removed: removedBy(prune.plan),
          stop: prune.stop ?? null,
          allowed: prune.allowed,
          waits_for_push: prune.waitsForPush !== undefined,
          versions: prune.plan.map(({ version, verdict, rule, rules, reason }) => ({
            name: version.name,
            at: version.at,
            verdict,
            rule,
            rules,
            reason,
          })),
        }),
      );
      return EXIT.fine;
    }
    const rows = prune.plan.map(({ version, verdict, rules, reason }) => [
      printable(version.name),
      span(prune.now - version.at),
      verdict === 'keep' ? 'stays' : 'goes',
      rules.join(', '),
      reason,
    ]);
    terminal.out(table([['VERSION', 'AGE', '', 'RULES', 'WHY'], ...rows], [1]));
    terminal.out(
      closingLines(prune, host.shown)
        .map((line) => `${line}\n`)
        .join(''),
    );
    return EXIT.fine;
  });
}
