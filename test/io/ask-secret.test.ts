import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repositoryFolder } from '../throwaway/base.ts';

const PASSPHRASE = 'grape-lunar-otter-vivid-quartz-nine';

/** Runs a program on a terminal of its own, and types an answer whenever it asks. Prints all that the terminal showed. */
const TYPIST = `
import os, pty, sys
answers = sys.argv[1].encode().decode('unicode_escape').encode('latin1').split(b'|')
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown, told = b'', 0
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    while shown.count(b'recovery sheet: ') + shown.count(b'again: ') > told:
        os.write(terminal, answers[told])
        told += 1
_, status = os.waitpid(child, 0)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status))
`;

describe('a passphrase that is asked for on a real terminal', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'brinicle-ask-'));
  const program = join(scratch, 'brinicle.mjs');
  beforeAll(() => cpSync(join(repositoryFolder(), 'dist/brinicle.mjs'), program));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  const keygen = (folder: string, answers: string): { status: number | null; shown: string } => {
    const argv = [process.execPath, program, 'keygen', join(scratch, folder), '--name', 'Backups'];
    const ran = spawnSync('python3', ['-c', TYPIST, answers, ...argv], { encoding: 'utf8' });
    return { status: ran.status, shown: ran.stdout };
  };

  test('is not shown, and may be corrected while it is typed', () => {
    const { status, shown } = keygen('one', `${PASSPHRASE}x\\x7f\\r|${PASSPHRASE}\\r`);
    expect(status).toBe(0);
    expect(shown).toMatch(
      /^passphrase of the recovery sheet: \r\nthe same again: \r\nwrote .*recovery\.html\r\n/,
    );
    expect(shown).not.toContain('otter');
    expect(readdirSync(join(scratch, 'one')).sort()).toEqual(['recipient.asc', 'recovery.html']);
  });

  test('both at once, as a paste is', () => {
    const { status, shown } = keygen('paste', `${PASSPHRASE}\\r${PASSPHRASE}\\r||`);
    expect(status).toBe(0);
    expect(shown).not.toContain('otter');
  });

  test.each([
    ['Ctrl-C', '\\x03'],
    ['Ctrl-D', '\\x04'],
    ['Ctrl-C at the second', `${PASSPHRASE}\\r|\\x03`],
  ])('given up by %s makes nothing', (name, answers) => {
    const { status, shown } = keygen(name, answers);
    expect(status).toBe(1);
    expect(shown).toContain('no passphrase was given');
    expect(shown).not.toContain('otter');
    expect(existsSync(join(scratch, name))).toBe(false);
  });
});
