import { describe, expect, test } from 'vitest';
import { readStatus, type Status } from '../../src/model/status.ts';
import { chooseBase, FULL_EVERY, rememberAccepted, rememberSent } from '../../src/push/choose-base.ts';
import type { Remembered } from '../../src/push/ports.ts';

const NOW = 1_795_000_000;

const DAY = 86_400;

const id = (digit: string): string => digit.repeat(32);

const digest = (digit: string): string => digit.repeat(64);

const NOTHING: Remembered = {
  format: 1,
  accepted: null,
  last: null,
  fullAsked: null,
  asking: false,
  earlier: [],
};

const sent = (digit: string) => ({ push: id(digit), manifest: digest(digit), at: NOW - 100 });

/** Accepted a; b was sent, and c after it. */
const BEHIND: Remembered = { ...NOTHING, accepted: digest('a'), last: sent('c'), earlier: [digest('b')] };

const SETTLED: Remembered = { ...NOTHING, accepted: digest('a'), last: sent('a') };

const STATUS: Status = {
  format: 1,
  at: NOW,
  accepted: null,
  refused: null,
  full_wanted: false,
  held: null,
  room: { bytes: 1, objects: 1 },
};

const holds = (digit: string): Status => ({
  ...STATUS,
  accepted: { push: id(digit), manifest: digest(digit), at: NOW },
});

const wantsAll = (digit: string): Status => ({ ...holds(digit), full_wanted: true });

const refuses = (digit: string, status: Status): Status => ({
  ...status,
  refused: { push: id(digit), at: NOW, reason: 'no' },
});

const askedAgo = (seconds: number, remembered: Remembered): Remembered => ({
  ...remembered,
  fullAsked: NOW - seconds,
});

describe('promise 1: what a push goes out from, whatever the backup server says', () => {
  const full = (asked: boolean) => ({ kind: 'full', asked });
  const base = (digit: string) => ({ kind: 'base', manifest: digest(digit) });
  const refused = { kind: 'refused' };

  test.each<[string, Remembered, Status | undefined, object]>([
    ['nothing remembered, no status', NOTHING, undefined, full(false)],
    ['nothing remembered, the server holds something', NOTHING, holds('e'), full(false)],
    ['nothing accepted yet', { ...NOTHING, last: sent('a') }, STATUS, full(false)],
    ['the last push is held', SETTLED, holds('a'), base('a')],
    ['the last push is not held yet', BEHIND, holds('a'), base('a')],
    ['a push between them is held', BEHIND, holds('b'), base('b')],
    ['the newest of them is held', BEHIND, holds('c'), base('c')],
    ['an older manifest than the accepted one', SETTLED, holds('0'), full(true)],
    ['a manifest of nobody', BEHIND, holds('e'), full(true)],
    ['nothing any more, though something was accepted', SETTLED, STATUS, full(true)],
    ['no status any more', SETTLED, undefined, full(true)],
    ['all contents wanted', SETTLED, wantsAll('a'), full(true)],
    ['all contents wanted again within a week', askedAgo(6 * DAY, SETTLED), wantsAll('a'), base('a')],
    ['all contents wanted after a week', askedAgo(FULL_EVERY, SETTLED), wantsAll('a'), full(true)],
    ['unknown again within a week', askedAgo(DAY, SETTLED), holds('e'), refused],
    ['nothing again within a week', askedAgo(DAY, SETTLED), STATUS, refused],
    [
      'unknown, and the asked push was interrupted',
      { ...askedAgo(DAY, SETTLED), asking: true },
      holds('e'),
      full(true),
    ],
    ['unknown, and the clock went back by a year', askedAgo(-365 * DAY, SETTLED), holds('e'), full(true)],
    ['unknown, and the clock went back by an hour', askedAgo(-3600, SETTLED), holds('e'), refused],
    ['the last push refused', BEHIND, refuses('c', holds('a')), full(true)],
    ['the last push refused again within a week', askedAgo(DAY, BEHIND), refuses('c', holds('a')), base('a')],
    ['another push refused', BEHIND, refuses('e', holds('a')), base('a')],
    ['the first push refused', { ...NOTHING, last: sent('a') }, refuses('a', STATUS), full(true)],
  ])('%s', (_, remembered, status, wanted) => {
    expect(chooseBase(remembered, status, NOW, false)).toMatchObject(wanted);
  });

  test('--full asks nobody, and counts for no week', () => {
    expect(chooseBase(SETTLED, wantsAll('a'), NOW, true)).toMatchObject({ kind: 'full', asked: false });
  });

  test('a server that asks for all contents each time has them once a week', () => {
    let remembered = SETTLED;
    let fulls = 0;
    for (let hour = 0; hour < 21 * 24; hour++) {
      const now = NOW + hour * 3600;
      const status = hour % 2 === 0 ? wantsAll('a') : refuses(remembered.last?.push[0] ?? '', wantsAll('a'));
      const choice = chooseBase(remembered, status, now, false);
      if (choice.kind !== 'full') continue;
      fulls++;
      remembered = { ...remembered, fullAsked: now };
    }
    expect(fulls).toBe(3);
  });
});

describe('what is remembered', () => {
  test.each<[string, Remembered, Status | undefined, object]>([
    ['no status', BEHIND, undefined, BEHIND],
    ['the last one', BEHIND, holds('c'), { accepted: digest('c'), earlier: [] }],
    ['one before it', BEHIND, holds('b'), { accepted: digest('b'), earlier: [] }],
    ['never an older or unknown one', BEHIND, holds('e'), BEHIND],
  ])('of what the server tells: %s', (_, remembered, status, wanted) => {
    expect(rememberAccepted(remembered, status)).toMatchObject(wanted);
  });

  test('of pushes whose commit goes out: the last ones, as long as the server may come to hold them', () => {
    let remembered = SETTLED;
    for (const digit of ['b', 'c', 'd', 'e', 'f']) remembered = rememberSent(remembered, sent(digit));
    expect(remembered).toMatchObject({ accepted: digest('a'), last: sent('f') });
    expect(remembered.earlier).toEqual([digest('c'), digest('d'), digest('e')]);
    expect(rememberAccepted(remembered, holds('d'))).toMatchObject({
      accepted: digest('d'),
      earlier: [digest('e')],
    });
    expect(rememberSent({ ...SETTLED, asking: true }, sent('a'))).toMatchObject({
      asking: false,
      earlier: [],
    });
  });
});

describe('a status file', () => {
  const text = (changes: object): string => JSON.stringify({ ...STATUS, ...changes });

  test.each<[string, string]>([
    ['empty', ''],
    ['not JSON', '{"format":1'],
    ['NaN', '{"format":NaN}'],
    ['deep', `${'['.repeat(8000)}${']'.repeat(8000)}`],
    ['deep objects', `${'{"a":'.repeat(2500)}1${'}'.repeat(2500)}`],
    ['a list', '[]'],
    ['a text', '"status"'],
    ['another format', text({ format: 2 })],
    ['a time without end', text({ at: 1 }).replace('"at":1', '"at":1e999')],
    ['a time before all times', text({ at: -1 })],
    ['half a second', text({ at: 0.5 })],
    ['a path for a manifest', text({ accepted: { push: id('a'), manifest: '../../etc/passwd', at: 1 } })],
    ['a manifest with a newline', text({ accepted: { push: id('a'), manifest: `${digest('a')}\n`, at: 1 } })],
    ['a push of another alphabet', text({ accepted: { push: id('A'), manifest: digest('a'), at: 1 } })],
    ['a list for a push', text({ accepted: [id('a'), digest('a'), 1] })],
    ['a reason without end', text({ refused: { push: id('a'), at: 1, reason: 'x'.repeat(501) } })],
    ['a number that says yes', text({ full_wanted: 1 })],
    ['an object that holds', text({ held: { toString: 'x' } })],
    ['no room', text({ room: null })],
    ['less than no room', text({ room: { bytes: -1, objects: 1 } })],
  ])('is refused in words: %s', (_, content) => {
    const read = readStatus(content);
    expect('fault' in read && read.fault).toMatch(/^[\w. -]+$/);
  });

  test('of a later Brinicle, with more in it, is read', () => {
    expect(readStatus(text({ later: { any: ['thing'] }, __proto__: { full_wanted: true } }))).toEqual({
      status: STATUS,
    });
  });
});
