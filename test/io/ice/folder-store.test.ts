import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolderStore } from '../../../src/io/ice/folder-store.ts';
import { iceStoreContract } from '../../contract/ice-store.ts';
import { runProgram } from '../../throwaway/run-program.ts';

const without = {
  overwrite: 'a file is never written again',
  credential: 'a folder asks for none',
  connection: 'there is none',
};

iceStoreContract('a folder', without, async () => {
  const path = mkdtempSync(join(tmpdir(), 'brinicle-folder-'));
  const store = openFolderStore({ kind: 'folder', path });
  return {
    writer: store,
    reader: store,
    absent: () => openFolderStore({ kind: 'folder', path: join(path, 'nobody-made-it') }),
    close: async () => {
      // Where the file system and the rights allow it, what was uploaded is immutable.
      await runProgram(['chattr', '-R', '-i', path]);
      rmSync(path, { recursive: true });
    },
  };
});
