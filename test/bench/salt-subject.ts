import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OUTPUT_IN_ROOT, prepareMasterless } from '../fleet/masterless.ts';
import type { SaltRelease } from '../throwaway/base.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';
import { HAND_WRITTEN_LOOP } from './hand-written-loop.ts';
import { measuring, readMeasured } from './measured-run.ts';

/** The backup server of a generated fleet. */
const SERVER = 'backup1.example.test';
const LOOP_IN_ROOT = '/srv/salt/loop';
const MEASURED = '/run/measured.json';
const TIMEOUT_MS = 20 * 60_000;

/** What one `salt-call` did, and how long it took as a whole process. */
export interface Applied {
  seconds: number;
  states: number;
  changed: number;
}

/** A fresh root in which one way of making jails is applied again and again. */
export interface Subject {
  name: string;
  root: ThrowawayRoot;
  sls: string;
}

type StateAnswer = Readonly<Record<string, { result: unknown; changes?: object; comment?: string }>>;

function stateAnswers(stdout: string, name: string): StateAnswer[string][] {
  const answer: unknown = JSON.parse(stdout);
  const local = typeof answer === 'object' && answer !== null && 'local' in answer ? answer.local : undefined;
  if (typeof local !== 'object' || local === null || Array.isArray(local))
    throw new Error(`${name}: ${JSON.stringify(local)}`);
  return Object.values(local as StateAnswer);
}

/** Applies the subject's states once; a state that fails ends the bench. */
export async function apply({ root, sls, name }: Subject): Promise<Applied> {
  const argv = ['salt-call', '--local', `--id=${SERVER}`, '--out=json', '-l', 'error', 'state.apply', sls];
  const { stdout, stderr } = await root.exec(measuring(MEASURED, argv), { timeoutMs: TIMEOUT_MS });
  if (!stdout.startsWith('{')) throw new Error(`${name}: ${stderr.slice(-2000)}`);
  const states = stateAnswers(stdout, name);
  const failed = states.find(({ result }) => result !== true);
  if (failed !== undefined) throw new Error(`${name}: a state failed: ${failed.comment}`);
  const changed = states.filter(({ changes }) => Object.keys(changes ?? {}).length > 0).length;
  const { seconds } = readMeasured(await root.readFile(MEASURED));
  return { seconds, states: states.length, changed };
}

/** Applies them once more, when nothing is to be done. */
export async function applyAgain(subject: Subject): Promise<Applied> {
  const applied = await apply(subject);
  if (applied.changed > 0) throw new Error(`${subject.name}: a second run changed ${applied.changed} states`);
  return applied;
}

/** A root with a compiled fleet, and Brinicle's states of jails to apply. */
export async function compiledSubject(salt: SaltRelease, fleet: string, name: string): Promise<Subject> {
  const root = await ThrowawayRoot.start({ salt, init: 'none', storage: 'disk' });
  await root.copyIn(join(fleet, 'out'), OUTPUT_IN_ROOT);
  await prepareMasterless(root);
  const sync = ['salt-call', '--local', `--id=${SERVER}`, 'saltutil.sync_all', '--out=quiet'];
  await root.mustExec(sync, { timeoutMs: TIMEOUT_MS });
  return { name, root, sls: 'brinicle.jails' };
}

/** A root with the same hosts in a hand-written loop. */
export async function loopSubject(salt: SaltRelease, fleet: string): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'brinicle-loop-'));
  try {
    copyFileSync(join(fleet, 'mine.json'), join(folder, 'mine.json'));
    writeFileSync(join(folder, 'init.sls'), HAND_WRITTEN_LOOP);
    const root = await ThrowawayRoot.start({ salt, init: 'none', storage: 'disk' });
    await root.copyIn(folder, LOOP_IN_ROOT);
    await root.mustExec(['mkdir', '-p', '/srv/backup', '/etc/salt/minion.d']);
    const masterless = 'file_client: local\npillar_roots: {base: []}\n';
    await root.writeFile('/etc/salt/minion.d/masterless.conf', masterless);
    return { name: 'the hand-written loop', root, sls: 'loop' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
