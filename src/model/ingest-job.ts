import * as z from 'zod';
import { isVersionName } from './archive/version.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const id = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const text = z.string().max(2000);
// People are told a command with it.
const version = z.string().refine(isVersionName);

/** zod schema of what the broker tells an ingest, as one line of JSON on its standard input. */
export const ingestJobSchema = z.strictObject({
  archive: z.string(),
  account: z.string(),
  /** Unix seconds, by a clock that agrees with the time that passed. */
  now: count,
  /** Why nothing may be removed in this run; null when it may. */
  noPrune: text.nullable(),
  limits: z.strictObject({ bytes: count, objects: count, entries: count }),
  versionsADay: count,
  abandonDays: count,
  staleDays: count,
  keepRefusedDays: count,
  retention: z.strictObject({
    all_days: count,
    daily_days: count,
    weekly_weeks: count,
    monthly_months: count,
  }),
  waitForIce: z.boolean(),
  /** Whether to prune, sweep and compress as well. */
  keepHouse: z.boolean(),
  /** Only says what it would do. */
  dryRun: z.boolean(),
  /** Files that are open from descriptor 3 on, in this order. */
  files: z.array(z.strictObject({ name: z.string(), bytes: count })),
});

/** What the broker tells an ingest. */
export type IngestOrder = z.output<typeof ingestJobSchema>;

/**
 * zod schema of a line that an ingest tells its broker. It is read as hostile: whoever takes the ingest by a pack can
 * say anything, and must reach nothing beyond its own host by it.
 */
export const ingestEventSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('freed'), name: z.string().max(100) }),
  z.strictObject({ kind: z.literal('refused'), push: id, reason: text }),
  z.strictObject({ kind: z.literal('waiting'), push: id, reason: text }),
  z.strictObject({ kind: z.literal('seen'), push: id }),
  z.strictObject({
    kind: z.literal('version'),
    push: id,
    name: version,
    entries: count,
    stored: count,
    alarms: z.array(text).max(20),
  }),
  z.strictObject({ kind: z.literal('pruned'), name: version, reason: text }),
  z.strictObject({ kind: z.literal('note'), text }),
  z.strictObject({
    kind: z.literal('end'),
    state: z.strictObject({
      accepted: z.strictObject({ push: id, manifest: digest, at: count }).nullable(),
      refused: z.strictObject({ push: id, at: count, reason: text }).nullable(),
      fullWanted: z.boolean(),
      held: text.nullable(),
      room: z.strictObject({ bytes: count, objects: count }),
    }),
  }),
]);
