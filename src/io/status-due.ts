import { lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceDurably } from './durable.ts';

/** The file of a host's folder in the archive that asks rotate to write the host's status anew. */
const STATUS_DUE = 'status-due';

/** Asks rotate to write a host's status in its next run. */
export function askForStatus(folder: string): void {
  replaceDurably(join(folder, STATUS_DUE), '');
}

/** Whether somebody asked. Nothing is opened: root asks this of a folder that is not its own. */
export function isStatusDue(folder: string): boolean {
  return lstatSync(join(folder, STATUS_DUE), { throwIfNoEntry: false }) !== undefined;
}

/** Takes the wish back, once what it is about is told. */
export function statusIsTold(folder: string): void {
  rmSync(join(folder, STATUS_DUE), { recursive: true, force: true });
}
