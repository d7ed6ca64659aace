import { MAX_STATUS, readStatus, type Status } from '../model/status.ts';
import { chooseBase, rememberAccepted, rememberSent } from './choose-base.ts';
import { LazyBox } from './lazy-box.ts';
import {
  type Clock,
  type DropBox,
  DropBoxFault,
  type Journal,
  type PushState,
  type Remembered,
} from './ports.ts';
import { type PushPlan, type PushPorts, type PushResult, runPush } from './run-push.ts';

/** What of a plan is settled before the server is asked. */
export type PushWish = Omit<PushPlan, 'base' | 'journal'> & { full: boolean };

/** What a session works with. */
export interface SessionPorts extends Omit<PushPorts, 'box' | 'committing'> {
  connect(): Promise<DropBox>;
  /** Tells a person what goes on. */
  say(text: string): void;
}

/** Seconds after which a push that died is not gone on with: after two days the server removes a pack without its final name. */
const OLD_JOURNAL = 36 * 3600;

/** Seconds before the first, the second … next try; each with up to half of it more, so that hosts spread. */
const BACK_OFF = [15, 60, 180, 600];

function statusOf(text: string | undefined): Status | undefined {
  if (text === undefined) return undefined;
  const read = readStatus(text);
  if ('status' in read) return read.status;
  throw new DropBoxFault(
    `the status file of the backup server cannot be used: ${read.fault}`,
    'final',
    'rotate writes it anew on its next run; if it does not, look at the backup server before you trust it',
  );
}

/** The push that the last run died in, unless that is too long ago. */
function freshJournal({ state, clock }: { state: PushState; clock: Clock }): Journal | undefined {
  const journal = state.journal();
  const age = clock.now() - (journal?.at ?? 0);
  return age >= -86_400 && age < OLD_JOURNAL ? journal : undefined;
}

/**
 * Asks the server what it holds, and settles what the push goes out from.
 *
 * @param died the push that the last run died in: read before this one writes a journal of its own
 */
async function settle(
  wish: PushWish,
  box: DropBox,
  died: Journal | undefined,
  ports: SessionPorts,
): Promise<{ plan: PushPlan; remembered: Remembered; held: Status | undefined }> {
  const { state, clock } = ports;
  const status = statusOf(await box.readStatus(MAX_STATUS));
  if (status?.held != null)
    throw new DropBoxFault(
      `the backup server takes no pushes of this host: ${status.held}`,
      'final',
      'see brinicle versions on the backup server',
    );
  const refused = status?.refused;
  const isRefused = refused != null && refused.push === died?.push;
  let remembered = rememberAccepted(state.load(), status);
  if (isRefused) remembered = { ...remembered, asking: false };
  if (refused != null && refused.push === remembered.last?.push)
    ports.say(`the backup server refused the last push: ${refused.reason}`);
  const { full, ...rest } = wish;
  const choice = chooseBase(remembered, status, clock.now(), full);
  if (choice.kind === 'refused') throw new DropBoxFault(choice.why, 'final', choice.fix);
  if (choice.kind === 'full' && choice.asked && !remembered.asking)
    remembered = { ...remembered, fullAsked: clock.now(), asking: true };
  let base = choice.kind === 'base' ? choice.manifest : null;
  ports.say(`${base === null ? 'a full push' : 'only what changed'}: ${choice.why}`);
  if (base !== null && state.tree(base) === undefined) {
    ports.say('what was remembered of it is lost or damaged, so the push is full');
    base = null;
  }
  state.save(remembered);
  const journal = died?.base === base && !isRefused ? died : undefined;
  if (journal !== undefined && journal.packs.length > 0)
    ports.say(`going on with a push of which ${journal.packs.length} packs are sent`);
  return { plan: { ...rest, base, journal }, remembered, held: status };
}

/** What the walk was begun with before the server had been asked is not what it says. */
class WrongGuess extends Error {}

interface Guess {
  base: string | null;
  journal: Journal | undefined;
}

/**
 * What the push will most likely go out from: the walk begins with it while the connection is being made. A push that
 * died is gone on with, since a wrong guess would write over what it left.
 */
function guessBase(wish: PushWish, died: Journal | undefined, { state }: SessionPorts): Guess {
  const { last, accepted } = state.load();
  const likely = died === undefined ? (last?.manifest ?? accepted) : died.base;
  const manifest = wish.full ? null : likely;
  const base = manifest !== null && state.tree(manifest) !== undefined ? manifest : null;
  return { base, journal: died?.base === base ? died : undefined };
}

const isGuessed = (plan: PushPlan, guess: Guess): boolean =>
  plan.base === guess.base && plan.journal?.push === guess.journal?.push;

async function pushOnce(wish: PushWish, ports: SessionPorts): Promise<PushResult> {
  const { state, clock } = ports;
  const died = freshJournal(ports);
  const guess = guessBase(wish, died, ports);
  const connected = ports.connect().then(async (box) => {
    try {
      return { box, ...(await settle(wish, box, died, ports)) };
    } catch (thrown) {
      box.close();
      throw thrown;
    }
  });
  const checked = connected.then(({ box, plan }) => {
    if (!isGuessed(plan, guess)) throw new WrongGuess();
    return box;
  });
  // A walk that nobody will take anything of ends soon.
  let over: { thrown: unknown } | undefined;
  checked.catch((thrown: unknown) => {
    over = { thrown };
  });
  const breathe = async (): Promise<void> => {
    await clock.breathe();
    if (over !== undefined) throw over.thrown;
  };
  const committing = async (push: string, manifest: string, isGuess: boolean): Promise<void> => {
    if (isGuess) await checked;
    const { remembered } = await connected;
    state.save(rememberSent(remembered, { push, manifest, at: Math.floor(clock.now()) }));
  };
  const run = async (plan: PushPlan, box: DropBox, isGuess: boolean): ReturnType<typeof runPush> =>
    runPush(plan, {
      ...ports,
      clock: isGuess ? { ...clock, breathe } : clock,
      box: () => Promise.resolve(box),
      committing: (push, manifest) => committing(push, manifest, isGuess),
    });
  try {
    const { full: _, ...rest } = wish;
    const { large, ...result } = await run({ ...rest, ...guess }, new LazyBox(checked), true).catch(
      async (thrown: unknown) => {
        if (!(thrown instanceof WrongGuess)) throw thrown;
        const { plan, box } = await connected;
        return run(plan, box, false);
      },
    );
    const { accepted, earlier } = state.load();
    const { plan } = await connected;
    const trees = [result.manifest, ...earlier, accepted, plan.base].filter((tree) => tree !== null);
    state.sweep(trees, large);
    ports.step('state swept');
    return result;
  } finally {
    (await connected.catch(() => undefined))?.box.close();
  }
}

/**
 * Makes a push, and tries again, later each time, after faults that may pass: the network, a server under load, a
 * restart of sshd. Each try goes on after the last finished pack. Throws DropBoxFault when it gives up.
 */
export async function pushWithRetries(
  wish: PushWish,
  retries: number,
  ports: SessionPorts,
): Promise<PushResult> {
  const { clock }: { clock: Clock } = ports;
  for (let tries = 0; ; tries++) {
    try {
      return await pushOnce(wish, ports);
    } catch (thrown) {
      if (!(thrown instanceof DropBoxFault) || thrown.lasting === 'final' || tries >= retries) throw thrown;
      const pause = BACK_OFF[Math.min(tries, BACK_OFF.length - 1)] ?? 0;
      const seconds = Math.ceil(pause * (1 + clock.chance() / 2));
      ports.say(`${thrown.message}; trying again in ${seconds} s`);
      await clock.sleep(seconds);
    }
  }
}
