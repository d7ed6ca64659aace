import { readStatus, type Status } from '../model/status.ts';
import { chooseBase, rememberAccepted } from './choose-base.ts';
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
export interface SessionPorts extends Omit<PushPorts, 'box'> {
  connect(): Promise<DropBox>;
  /** Tells a person what goes on. */
  say(text: string): void;
}

/** Most bytes of a status file that is read. */
const MOST_STATUS = 16 * 1024;

/** Seconds after which a push that died is not gone on with: the server gives up what it has of it. */
const OLD_JOURNAL = 3 * 86_400;

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

function usableJournal(
  state: PushState,
  base: string | null,
  status: Status | undefined,
  now: number,
): Journal | undefined {
  const journal = state.journal();
  if (journal === undefined || journal.base !== base) return undefined;
  if (status?.refused?.push === journal.push) return undefined;
  const age = now - journal.began;
  return age >= -86_400 && age < OLD_JOURNAL ? journal : undefined;
}

/** Asks the server what it holds, and settles what the push goes out from. */
async function settle(
  wish: PushWish,
  box: DropBox,
  ports: SessionPorts,
): Promise<{ plan: PushPlan; remembered: Remembered; held: Status | undefined }> {
  const { state, clock } = ports;
  const status = statusOf(await box.readStatus(MOST_STATUS));
  if (status?.held != null)
    throw new DropBoxFault(
      `the backup server takes no pushes of this host: ${status.held}`,
      'final',
      'see brinicle versions on the backup server',
    );
  const refused = status?.refused;
  let remembered = rememberAccepted(state.load(), status);
  if (refused != null && refused.push === remembered.last?.push)
    ports.say(`the backup server refused the last push: ${refused.reason}`);
  const { full, ...rest } = wish;
  const choice = chooseBase(remembered, status, clock.now(), full);
  if (choice.kind === 'refused') throw new DropBoxFault(choice.why, 'final', choice.fix);
  if (choice.kind === 'full' && choice.asked) remembered = { ...remembered, fullAsked: clock.now() };
  let base = choice.kind === 'base' ? choice.manifest : null;
  ports.say(`${base === null ? 'a full push' : 'only what changed'}: ${choice.why}`);
  if (base !== null && state.tree(base) === undefined) {
    ports.say('what was remembered of it is lost or damaged, so the push is full');
    base = null;
  }
  state.save(remembered);
  const journal = usableJournal(state, base, status, clock.now());
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

/** What the push will most likely go out from: the walk begins with it while the connection is being made. */
function guessBase(wish: PushWish, { state, clock }: SessionPorts): Guess {
  const { last, accepted } = state.load();
  const manifest = wish.full ? undefined : (last?.manifest ?? accepted ?? undefined);
  const base = manifest !== undefined && state.tree(manifest) !== undefined ? manifest : null;
  return { base, journal: usableJournal(state, base, undefined, clock.now()) };
}

const isGuessed = (plan: PushPlan, guess: Guess): boolean =>
  plan.base === guess.base && plan.journal?.push === guess.journal?.push;

async function pushOnce(wish: PushWish, ports: SessionPorts): Promise<PushResult> {
  const { state, clock } = ports;
  const guess = guessBase(wish, ports);
  const connected = ports.connect().then(async (box) => {
    try {
      return { box, ...(await settle(wish, box, ports)) };
    } catch (thrown) {
      box.close();
      throw thrown;
    }
  });
  const checked = connected.then(({ box, plan }) => {
    if (!isGuessed(plan, guess)) throw new WrongGuess();
    return box;
  });
  const run = async (plan: PushPlan, box: DropBox): ReturnType<typeof runPush> =>
    runPush(plan, { ...ports, box: () => Promise.resolve(box) });
  try {
    const { full: _, ...rest } = wish;
    const { large, ...result } = await run({ ...rest, ...guess }, new LazyBox(checked)).catch(
      async (thrown: unknown) => {
        if (!(thrown instanceof WrongGuess)) throw thrown;
        const { plan, box } = await connected;
        return run(plan, box);
      },
    );
    const { remembered, plan } = await connected;
    state.save({
      ...remembered,
      last: { push: result.push, manifest: result.manifest, at: Math.floor(clock.now()) },
    });
    const trees = [result.manifest, remembered.accepted, plan.base].filter((tree) => tree !== null);
    state.sweep(trees, large);
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
