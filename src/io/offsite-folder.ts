import { join } from 'node:path';

/** The folder in the archive where an image is made: no account has such a name. */
export const OFFSITE_FOLDER = '.offsite';

/** Where in the archive's `.offsite` things are. */
export function offsitePaths(archive: string) {
  const folder = join(archive, OFFSITE_FOLDER);
  return {
    folder,
    stage: join(folder, 'stage'),
    image: join(folder, 'image.squashfs'),
    spool: join(folder, 'spool'),
    run: join(folder, 'run.json'),
    newest: join(folder, 'newest.json'),
    failed: join(folder, 'failed'),
  };
}
