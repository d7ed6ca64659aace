import { join } from 'node:path';
import type { VersionRecord } from '../model/archive/version.ts';
import { replaceDurably, syncFolder } from './durable.ts';

/**
 * Writes into a version's record that a person accepted its alarms. Everything else of it stays, and nobody may write
 * to it after.
 *
 * @param folder the host's folder in the archive
 * @param at Unix seconds
 */
export function acceptAlarms(folder: string, name: string, record: VersionRecord, at: number): void {
  const versions = join(folder, 'versions');
  const accepted: VersionRecord = { ...record, accepted_at: Math.floor(at) };
  replaceDurably(join(versions, `${name}.json`), `${JSON.stringify(accepted, null, 1)}\n`, 0o400);
  syncFolder(versions);
}
