import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Drill, type DrillRecord, drillRecordSchema, withDrill } from '../model/ice/drill-record.ts';
import { readConfigFile } from './config-file.ts';
import { replaceDurably, syncFolder } from './durable.ts';

/** What drills came to so far; nothing before the first one, and why not when the file cannot be used. */
export function readDrills(path: string): { record: DrillRecord | undefined } | { fault: string } {
  if (!existsSync(path)) return { record: undefined };
  const read = readConfigFile(path, drillRecordSchema);
  return 'fault' in read ? read : { record: read.value };
}

/** Adds what a drill came to, durably. Throws what a disk can do. */
export function recordDrill(path: string, record: DrillRecord | undefined, drill: Drill): void {
  replaceDurably(path, `${JSON.stringify(withDrill(record, drill), null, 1)}\n`);
  syncFolder(dirname(path));
}
