import fc from 'fast-check';
import { ed25519Line, rsaLine } from '../model/wire-key.ts';

/** Pieces that mean something to YAML, Jinja, a shell, sshd or a terminal. */
const PIECES = [
  'a',
  'Z',
  '7',
  '.',
  '-',
  '_',
  ' ',
  '\n',
  '\r',
  '\t',
  '\u0000',
  '\u001b[2J',
  '\u0085',
  '\u2028',
  '\u202e',
  '\ufeff',
  '\ud800',
  '😀',
  'é',
  '{{',
  '}}',
  '{%',
  '%}',
  '[[',
  ']]',
  '[%',
  '{#',
  '"',
  "'",
  '\\',
  '`',
  '$(id)',
  ';',
  '|',
  '>',
  '&a',
  '*a',
  '!!str',
  '# ',
  ': ',
  '- ',
  '---',
  '...',
  '~',
  'null',
  'yes',
  'no',
  '0o17',
  '0x1f',
  '12:30:00',
  '1e3',
  '.inf',
  '2001-01-01',
  '<<',
  '=',
  '/',
  '..',
  '%u',
  '__proto__',
  'constructor',
  'PRIVATE KEY',
] as const;

const nasty = fc.array(fc.constantFrom(...PIECES), { maxLength: 6 }).map((pieces) => pieces.join(''));

const goodId = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._@+-]{0,40}$/);

/** A text that could stand as a minion ID, or nearly. */
export const minionId = fc.oneof(
  { weight: 4, arbitrary: goodId },
  { weight: 2, arbitrary: nasty },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'yes',
      'no',
      'null',
      '~',
      '1',
      '1_000',
      '0o17',
      '1e3',
      '0x1f',
      '12_30',
      '2001-01-01',
      'true',
      'root',
      'constructor',
      '__proto__',
    ),
  },
);

const goodKey = fc.oneof(
  fc.nat({ max: 200 }).map(ed25519Line),
  fc.constantFrom(rsaLine(2048), rsaLine(4096), rsaLine(1024)),
);

const keyText = fc.oneof(
  { weight: 4, arbitrary: goodKey },
  { weight: 3, arbitrary: fc.tuple(goodKey, nasty).map(([key, comment]) => `${key} ${comment}`) },
  { weight: 1, arbitrary: fc.tuple(nasty, goodKey).map(([options, key]) => `${options} ${key}`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(goodKey, fc.nat({ max: 60 }), nasty)
      .map(([key, at, piece]) => key.slice(0, at) + piece + key.slice(at + 1)),
  },
  { weight: 1, arbitrary: nasty },
);

const entry: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: keyText.map((text) => ({ root: { 'id_ed25519.pub': text } })) },
  { weight: 1, arbitrary: fc.dictionary(nasty, fc.dictionary(nasty, fc.oneof(keyText, fc.jsonValue()))) },
  { weight: 1, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.jsonValue() },
);

/** The text of a mine that is nearly right: what hostile minions could make of it. */
export const nearlyMine: fc.Arbitrary<string> = fc
  .uniqueArray(fc.tuple(minionId, entry), { maxLength: 12, selector: ([id]) => id })
  .map(
    (hosts) =>
      `{${hosts.map(([id, value]) => `${JSON.stringify(id)}: ${JSON.stringify(value)}`).join(', ')}}`,
  );

/** The text of any JSON at all. */
export const anyJson: fc.Arbitrary<string> = fc.json({ stringUnit: 'binary' });

const anyValue = fc.oneof(
  fc.jsonValue({ stringUnit: 'binary' }),
  nasty,
  fc.double(),
  fc.constantFrom('none', 'bulk', '/srv/x/y', '1GiB', true, 24, [1, 15]),
);

/** A policy whose keys are known ones, with values that are right or anything. */
export const nearlyPolicy: fc.Arbitrary<string> = fc
  .record(
    {
      server: fc.oneof(
        fc.record(
          {
            name: fc.oneof(minionId, anyValue),
            address: anyValue,
            port: anyValue,
            jails: anyValue,
            archive: anyValue,
            quota: anyValue,
            host_keys: anyValue,
            limits: anyValue,
            archive_limits: fc.record({ bytes: anyValue, objects: anyValue }, { requiredKeys: [] }),
            versions_a_day: anyValue,
          },
          { requiredKeys: ['name'] },
        ),
        anyValue,
      ),
      offsite: fc.oneof(
        fc.constant('none'),
        fc.record(
          { recipient: anyValue, store: anyValue, retention_days: anyValue, days: anyValue, hour: anyValue },
          { requiredKeys: [] },
        ),
        anyValue,
      ),
      hosts: fc.oneof(
        fc.array(
          fc.record(
            {
              match: nasty,
              include: anyValue,
              exclude: fc.array(nasty),
              seal: fc.array(nasty),
              hooks: fc.record({ before: fc.array(fc.record({ run: nasty })) }, { requiredKeys: [] }),
              bandwidth: anyValue,
              quota: anyValue,
              archive_limits: fc.record({ bytes: anyValue, entries: anyValue }, { requiredKeys: [] }),
            },
            { requiredKeys: [] },
          ),
        ),
        anyValue,
      ),
      push: fc.oneof(
        fc.record({ pack_size: anyValue, bandwidth: anyValue, nice: anyValue }, { requiredKeys: [] }),
        anyValue,
      ),
      seal: fc.oneof(fc.record({ recipient: anyValue }), anyValue),
      skip: fc.oneof(fc.array(nasty), anyValue),
      accounts: anyValue,
      uid_range: fc.oneof(fc.tuple(fc.integer(), fc.integer()), anyValue),
      saltenv: anyValue,
      salt: anyValue,
      node: anyValue,
      push_key: anyValue,
      cron: anyValue,
      program: anyValue,
      retention: anyValue,
      strict: fc.oneof(fc.boolean(), anyValue),
    },
    { requiredKeys: [] },
  )
  .map((policy) => JSON.stringify(policy));

/** Any text, also of characters that no keyboard has. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  nasty,
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.array(nasty, { maxLength: 30 }).map((lines) => lines.join('\n')),
);

/** A text with one place of it replaced. */
export function nearly(text: string): fc.Arbitrary<string> {
  return fc
    .tuple(fc.nat({ max: text.length }), fc.nat({ max: 12 }), nasty)
    .map(([at, length, piece]) => text.slice(0, at) + piece + text.slice(at + length));
}
