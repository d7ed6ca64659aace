import { diskFiles } from '../io/disk-files.ts';
import { downloadedFolder } from '../io/ice/downloaded-folder.ts';
import { openStore } from '../io/ice/open-store.ts';
import type { Files } from '../io/ports.ts';
import { systemClock } from '../io/system-clock.ts';
import type { StoreLocation } from '../model/ice/store-location.ts';
import type { IceReader } from '../offsite/ports.ts';
import type { ArchiveContext } from './archive-context.ts';

/** What the commands for the ice need of the world. */
export interface IceContext extends ArchiveContext {
  /** Opens a store for reading; throws a `StoreFault`. */
  openReader: (location: StoreLocation) => Promise<IceReader>;
  sleep: (seconds: number) => Promise<void>;
  files: Files;
}

async function openReader(location: StoreLocation): Promise<IceReader> {
  // What a person downloaded by hand is no store of ours, and a folder that is one looks the same.
  return location.kind === 'folder' ? downloadedFolder(location.path) : openStore(location);
}

/** The world that this process runs in. */
export function processIceContext(context: ArchiveContext): IceContext {
  return { ...context, openReader, sleep: systemClock.sleep, files: diskFiles };
}
