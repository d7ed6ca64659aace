import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serverClock } from '../../../src/bin/server-clock.ts';
import { takeLock } from '../../../src/io/file-lock.ts';
import { versionSchema } from '../../../src/model/archive/version.ts';
import { NOON } from '../../restore/run-archive.ts';
import { file } from '../../restore/sample-entries.ts';
import { CareArchive, DAY } from './care-archive.ts';

let made: CareArchive;
beforeEach(() => {
  made = new CareArchive().begin();
});
afterEach(() => made.remove());

const ALARM = { rule: 'changed-share', what: '80% of 100 files changed' };

describe('accept HOST VERSION', () => {
  test('ends the alarms of a version and changes nothing else of it', async () => {
    made.version(NOON - 90 * DAY, []);
    const name = made.version(NOON - DAY, [file('./a', made.put('a'))], { alarms: [ALARM] });
    const record = `versions/${name}.json`;
    const before = made.json(record);
    // What a run that died left may be written to by nobody.
    writeFileSync(join(made.host, `${record}.new`), 'half', { mode: 0o400 });
    expect((await made.look('versions', 'web1')).out).toContain('ALARM changed-share');
    const { code, out, err } = await made.run('accept', 'web1', name);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(`web1 ${name}: accepted: 80% of 100 files changed\n`);
    expect(made.json(record)).toEqual({ ...before, accepted_at: NOON });
    expect(versionSchema.safeParse(made.json(record)).success).toBe(true);
    expect(statSync(join(made.host, record)).mode & 0o777).toBe(0o400);
    expect((await made.look('versions', 'web1')).out).toContain('alarm accepted: changed-share');
    const again = await made.run('accept', 'web1', name);
    expect(again.out).toBe(`web1 ${name}: was accepted already\n`);
    expect(made.json(record)).toEqual({ ...before, accepted_at: NOON });
  });

  test('an alarm that nobody accepted pins what is older; accepted, it pins nothing', async () => {
    made.version(NOON - 3 * 365 * DAY, []);
    const old = made.version(NOON - 1000 * DAY, []);
    made.version(NOON - 900 * DAY, []);
    const alarmed = made.version(NOON - DAY, [], { alarms: [ALARM] });
    expect((await made.run('retention', 'web1')).out).toMatch(new RegExp(`${old} .+ stays +pin-alarm`));
    await made.run('accept', 'web1', alarmed);
    expect((await made.run('retention', 'web1')).out).toMatch(new RegExp(`${old} .+ goes `));
  });

  test('what is not there, has no alarm or no record is told', async () => {
    const plain = made.version(NOON - DAY, []);
    expect((await made.run('accept', 'web1', plain)).out).toBe(`web1 ${plain}: it has no alarm\n`);
    const unknown = await made.run('accept', 'web1', '2020-01-01T000000Z');
    expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('[version-none] web1') });
    writeFileSync(join(made.host, 'versions', `${plain}.json`), '{');
    const damaged = await made.run('accept', 'web1', plain);
    expect(damaged).toMatchObject({ code: 1, err: expect.stringContaining('its record is not JSON') });
  });

  test('while another program has the archive nothing is done', async () => {
    const name = made.version(NOON - DAY, [], { alarms: [ALARM] });
    const lock = takeLock(join(made.host, '.lock'));
    const { code, err } = await made.run('accept', 'web1', name);
    lock?.release();
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('[archive-busy] web1') });
    expect(made.json(`versions/${name}.json`)).toMatchObject({ accepted_at: null });
  });

  test('without a version it names those whose alarms stand, with the command for each', async () => {
    const name = made.version(NOON - DAY, [], { alarms: [ALARM] });
    const { code, err } = await made.run('accept', 'web1');
    expect(code).toBe(2);
    expect(err).toContain(`brinicle accept web1 ${name}   # 80% of 100 files changed`);
  });

  test.each([[['web1', 'x', '--prune']], [['web1', '--clock']], [[]], [['--prune']]])(
    '%s is wrong usage',
    async (args) => {
      expect((await made.run('accept', ...args)).code).toBe(2);
    },
  );
});

describe('accept HOST --prune', () => {
  test('where nothing waits there is nothing to accept', async () => {
    made.version(NOON - DAY, []);
    const { code, out } = await made.run('accept', 'web1', '--prune');
    expect({ code, out }).toEqual({
      code: 0,
      out: 'the next prune of web1 removes 0 versions, and waits for nobody\n',
    });
  });
});

describe('accept --clock', () => {
  const clock = () => serverClock(join(made.state, 'clock.json'), NOON);

  test('takes the clock for right from then on', async () => {
    made.rememberClock(NOON - 30 * DAY, 3600);
    expect(clock().verdict.prune).toBe(false);
    const { code, out } = await made.run('accept', '--clock');
    expect({ code, out }).toEqual({
      code: 0,
      out: '2026-11-24 12:00 +01:00 is taken for right from now on\n',
    });
    expect(clock().verdict.prune).toBe(true);
    expect((await made.run('accept', '--clock')).out).toContain('nothing to accept');
  });

  test('waits for no run of rotate, which would undo it', async () => {
    made.rememberClock(NOON - 30 * DAY, 3600);
    const remembered = readFileSync(join(made.state, 'clock.json'), 'utf8');
    const lock = takeLock(join(made.state, 'lock'));
    const { code, err } = await made.run('accept', '--clock');
    lock?.release();
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('[rotate-running]') });
    expect(readFileSync(join(made.state, 'clock.json'), 'utf8')).toBe(remembered);
  });
});
