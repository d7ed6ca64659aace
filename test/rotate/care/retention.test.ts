import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { NOON } from '../../restore/run-archive.ts';
import { CareArchive, DAY } from './care-archive.ts';

let made: CareArchive | undefined;
afterEach(() => made?.remove());

/** A version on each of so many days, the last one today. */
function daily(days: number, retention = { all_days: 1, daily_days: 1, weekly_weeks: 1, monthly_months: 1 }) {
  made = new CareArchive({ retention }).begin();
  const names: string[] = [];
  for (let day = days - 1; day >= 0; day--) names.push(made.version(NOON - day * DAY - 60, []));
  return { made, names };
}

test('it says of each version what becomes of it and which rule says so, and changes nothing', async () => {
  const { made, names } = daily(20, { all_days: 3, daily_days: 7, weekly_weeks: 2, monthly_months: 1 });
  const before = readdirSync(made.host, { recursive: true }).sort();
  const { code, out, err } = await made.run('retention', 'web1');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const lines = out.split('\n');
  expect(lines[0]).toMatch(/^VERSION +AGE +RULES +WHY$/);
  expect(lines).toContainEqual(
    expect.stringMatching(`^${names.at(-1)} +1 min +stays +newest, all +the newest version$`),
  );
  expect(lines).toContainEqual(
    expect.stringMatching(`^${names[14]} +5 d +stays +daily.* +last version of day`),
  );
  expect(lines).toContainEqual(
    expect.stringMatching(/ +goes +replaced 20.+ UTC, last version of none of 7 days/),
  );
  expect(out).toMatch(/^\d+ of 20 versions of web1 go when rotate keeps house/m);
  expect(out).not.toContain('nothing is removed');
  expect(readdirSync(made.host, { recursive: true }).sort()).toEqual(before);
});

test('as JSON it has every rule that keeps a version', async () => {
  const { made, names } = daily(3);
  const { out } = await made.run('retention', 'bk-web1', '--json');
  const { versions, stop, host } = JSON.parse(out);
  expect({ host, stop }).toEqual({ host: 'web1', stop: null });
  expect(versions.map(({ name }: { name: string }) => name)).toEqual(names);
  expect(versions[2]).toMatchObject({ verdict: 'keep', rule: 'newest', rules: ['newest', 'all'] });
  expect(versions[0]).toMatchObject({ verdict: 'keep', rule: 'weekly', rules: ['weekly', 'floor'] });
});

test('a large plan is told to stop the prune, with the command that lets it go on, and that works', async () => {
  const { made } = daily(100);
  const stopped = await made.run('retention', 'web1');
  expect(stopped.out).toMatch(
    /but nothing is removed: \d+ of 100 versions would go, .+; look at it: brinicle retention bk-web1; if it is meant: brinicle accept bk-web1 --prune/,
  );
  const removed = Number(/^(\d+) of 100 versions of web1 go/m.exec(stopped.out)?.[1]);
  const accepted = await made.run('accept', 'bk-web1', '--prune');
  expect(accepted.out).toMatch(`the next prune of web1 may remove ${removed} of its 100 versions`);
  expect(made.json('state.json')).toMatchObject({ pruneAllowed: removed });
  const { out } = await made.run('retention', 'web1');
  expect(out).not.toContain('nothing is removed');
  expect(out).toContain(`allowed by brinicle accept --prune: ${removed}`);
});

test('a clock that went its own way is told to stop it, and a push that is not whole', async () => {
  const { made } = daily(20);
  made.rememberClock(NOON - 30 * DAY, 3600);
  mkdirSync(join(made.host, 'incoming', '0'.repeat(32)));
  // By the trusted clock it is a month ago, when there was nothing to remove: only what is older counts.
  for (let day = 40; day < 60; day++) made.version(NOON - day * DAY, []);
  const { out } = await made.run('retention', 'web1');
  expect(out).toMatch(
    /but nothing is removed: the clock went 30 days further than the time that passed since an earlier run; set the clock; if it is right: brinicle accept --clock/,
  );
  expect(out).toContain(
    'a push is not whole yet: nothing is removed until it is, or is given up after 7 days',
  );
});

test('a host that the archive does not hold is named, and so is a missing configuration', async () => {
  made = new CareArchive().begin();
  const unknown = await made.run('retention', 'web2');
  expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('[archive-host-unknown] web2') });
  const { code, err } = await made.run('retention', 'bk-web1', '--archive', made.archive);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(existsSync(join(made.host, '.lock'))).toBe(false);
});
