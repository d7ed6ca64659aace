import { isJsonObject } from './json-object.ts';
import { error, type Problem, printable } from './problem.ts';

/** What one minion published: files of public keys by user, or why there are none. */
export type MineEntry =
  | { kind: 'keys'; users: ReadonlyMap<string, ReadonlyMap<string, string>> }
  | { kind: 'nothing'; said?: string }
  | { kind: 'unreadable'; what: string };

/** The mine by minion ID, in the order of the IDs' UTF-16 code units. */
export type Mine = ReadonlyMap<string, MineEntry>;

/** The longest mine that is read, in bytes: a hundred thousand hosts take about a sixth of it. */
export const MAX_MINE_BYTES = 128 * 2 ** 20;

/** Users and files of one entry, more than any machine publishes. */
const MAX_FILES = 1000;

function entry(value: unknown): MineEntry {
  if (value === null || value === false || (Array.isArray(value) && value.length === 0))
    return { kind: 'nothing' };
  if (typeof value === 'string') return { kind: 'nothing', said: printable(value, 80) };
  if (!isJsonObject(value))
    return {
      kind: 'unreadable',
      what: `its entry is ${Array.isArray(value) ? 'a list' : `a ${typeof value}`}`,
    };
  return usersOf(value);
}

/** The files of every user in one entry. It is read key by key, since a minion may have made it huge. */
function usersOf(value: Record<string, unknown>): MineEntry {
  const users = new Map<string, Map<string, string>>();
  let files = 0;
  for (const user in value) {
    const given = value[user];
    if (!isJsonObject(given))
      return {
        kind: 'unreadable',
        what: `what it says of user ${printable(user, 40)} is no mapping of files`,
      };
    const keys = new Map<string, string>();
    for (const name in given) {
      const text = given[name];
      if (typeof text !== 'string')
        return { kind: 'unreadable', what: `its file ${printable(name, 40)} is no text` };
      if (++files > MAX_FILES) break;
      keys.set(name, text);
    }
    users.set(user, keys);
    if (files > MAX_FILES || users.size > MAX_FILES)
      return { kind: 'unreadable', what: `it names more than ${MAX_FILES} users or files` };
  }
  return users.size === 0 ? { kind: 'nothing' } : { kind: 'keys', users };
}

/** Where a JSON string ends that begins at `start`. Not by a regular expression: one minion may publish 100 MB. */
function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

/** Keys that the outermost object of a sound JSON text has more than once, which JSON.parse does not tell. */
function repeatedIds(text: string): string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  const token = /["[\]{}]/g;
  const colon = /\s*:/y;
  let level = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match;
    if (found === '{' || found === '[') level++;
    else if (found === '}' || found === ']') level--;
    else {
      const end = stringEnd(text, match.index) + 1;
      token.lastIndex = end;
      colon.lastIndex = end;
      if (level !== 1 || !colon.test(text)) continue;
      const key = String(JSON.parse(text.slice(match.index, end)));
      if (seen.has(key)) twice.add(key);
      seen.add(key);
    }
  }
  return [...twice];
}

/** How many objects lie in each other at most, looking no deeper than `limit`. */
function depth(value: unknown, limit: number): number {
  if (!isJsonObject(value) || limit === 0) return 0;
  let deepest = 0;
  for (const inner of Object.values(value)) {
    deepest = Math.max(deepest, depth(inner, limit - 1));
    if (deepest === limit - 1) break;
  }
  return 1 + deepest;
}

const ownValue = (object: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : {};

const FUNCTION_LEVEL = /^[a-z_0-9]+\.[a-z_0-9.]+$/i;

/** Removes the level that `salt-run cache.mine` adds; recognises and refuses the one of `salt CALLER mine.get`. */
function unwrap(
  tree: Record<string, unknown>,
  functionName: string,
  file: string,
): { tree: Record<string, unknown>; problems: Problem[] } {
  const values = Object.values(tree);
  const filled = values.filter((value) => isJsonObject(value) && Object.keys(value).length > 0);
  const byFunction =
    filled.length > 0 &&
    filled.every(
      (value) =>
        isJsonObject(value) &&
        (Object.hasOwn(value, functionName) ||
          (Object.keys(value).every((key) => FUNCTION_LEVEL.test(key)) && depth(value, 4) === 3)),
    );
  if (byFunction) {
    const inner = Object.fromEntries(
      Object.entries(tree).map(([minionId, functions]) => [
        minionId,
        isJsonObject(functions) ? ownValue(functions, functionName) : functions,
      ]),
    );
    return {
      tree: inner,
      problems: [
        {
          rule: 'mine-function-level',
          severity: 'info',
          at: { file },
          what: `it has a level by function, as salt-run cache.mine prints; ${printable(functionName, 60)} of it was read`,
          why: 'Salt 3008 keeps the mine elsewhere, and cache.mine shows nothing there',
          fix: `use salt-run mine.get '*' ${functionName} --out=json`,
        },
      ],
    };
  }
  if (values.length === 1 && filled.every((value) => depth(value, 4) === 3) && filled.length === 1) {
    // Taking the level off would let a lone minion publish entries for IDs that are not its own.
    return {
      tree: {},
      problems: [
        error(
          'mine-caller-level',
          { at: { file } },
          `everything lies one level deeper, below ${printable(Object.keys(tree)[0] ?? '', 60)}, as salt CALLER mine.get prints it`,
          'below a caller, an entry is no longer vouched for by the minion ID it stands under',
          `ask the master itself: salt-run mine.get '*' ${functionName} --out=json > ${printable(file)}`,
        ),
      ],
    };
  }
  return { tree, problems: [] };
}

function syntaxReason(text: string): string {
  if (text.trim() === '') return 'it is empty';
  if (/^\s*[[{]/.test(text))
    return /}\s*{/.test(text.slice(0, 1_000_000))
      ? 'it holds several JSON documents, as salt prints them without --static'
      : 'it is cut short or damaged';
  return `it begins with ${printable(text.trimStart().slice(0, 40))}`;
}

/**
 * Reads what `salt-run mine.get '*' FUNCTION --out=json` prints: {minion ID: {user: {file: key}}}. Shapes of
 * 3006, 3007 and 3008; a function's level (cache.mine) is taken off and named, a caller's is named and refused. Hosts whose
 * entry is of the wrong kind are kept as 'unreadable', so that one of them stops no other.
 */
export function readMine(
  text: string,
  file: string,
  functionName: string,
): { mine?: Mine; problems: Problem[] } {
  const fix = `write it anew: salt-run mine.get '*' ${functionName} --out=json > ${printable(file)}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return {
      problems: [
        error(
          'mine-syntax',
          { at: { file } },
          `not JSON: ${syntaxReason(text)}`,
          'no host can be read from it',
          fix,
        ),
      ],
    };
  }
  if (!isJsonObject(parsed)) {
    return {
      problems: [
        error(
          'mine-shape',
          { at: { file } },
          'it is JSON, but no mapping of minion IDs',
          'no host can be read from it',
          fix,
        ),
      ],
    };
  }
  const twice = repeatedIds(text);
  if (twice.length > 0) {
    return {
      problems: twice.map((minionId) =>
        error(
          'mine-shape',
          { at: { file }, host: printable(minionId) },
          'it is in the file twice',
          'the last entry would count, and a reviewer may read the first',
          fix,
        ),
      ),
    };
  }
  const { tree, problems } = unwrap(parsed, functionName, file);
  if (problems.some((problem) => problem.severity === 'error')) return { problems };
  const ids = Object.keys(tree).sort();
  return { mine: new Map(ids.map((minionId) => [minionId, entry(tree[minionId])])), problems };
}

/** Reads `salt-run mine.get SERVER ssh.host_keys --out=json`: the texts of the server's public keys. */
export function readHostKeys(
  text: string,
  file: string,
  server: string,
): { lines?: string[]; problems: Problem[] } {
  const fix = `write it anew: salt-run mine.get ${printable(server)} ssh.host_keys --out=json > ${printable(file)}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return {
      problems: [
        error(
          'host-keys-shape',
          { at: { file } },
          'not JSON',
          'the host keys of the backup server cannot be read',
          fix,
        ),
      ],
    };
  }
  const keys = isJsonObject(parsed) && Object.hasOwn(parsed, server) ? parsed[server] : undefined;
  if (isJsonObject(parsed) && Object.keys(parsed).length === 0) return { problems: [] };
  if (!isJsonObject(keys)) {
    return {
      problems: [
        error(
          'host-keys-shape',
          { at: { file } },
          `no keys of ${printable(server)} in it`,
          'hosts must know the backup server by its keys',
          fix,
        ),
      ],
    };
  }
  const lines = Object.entries(keys).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return { lines: lines.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line), problems: [] };
}
