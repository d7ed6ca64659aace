import fc from 'fast-check';
import { dump, load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { yamlScalars } from '../../src/model/yaml-scalars.ts';

/** What js-yaml itself makes of one value. */
const byJsYaml = (value: string | number): string => dump([value], { lineWidth: -1 }).slice(2, -1);

const SPECIAL = [
  '~',
  'null',
  'true',
  'no',
  'on',
  'y',
  '1.5',
  '0x1f',
  '1:30',
  '.inf',
  '<<',
  '=',
  '2026-01-01',
];

/** Texts of the alphabet that names and keys have, and words that YAML reads as something else. */
const nearlyPlain = fc
  .array(fc.constantFrom(...'abenosruy019+/=._ -', ...SPECIAL), { maxLength: 12 })
  .map((parts) => parts.join(''));

describe('a YAML scalar', () => {
  test('is spelled as js-yaml spells it, whatever the text', () => {
    const line = fc.string({ unit: 'grapheme' }).filter((text) => !/[\n\r]/.test(text));
    fc.assert(
      fc.property(fc.array(fc.oneof(nearlyPlain, line, fc.integer())), (values) => {
        expect(yamlScalars(values)).toEqual(values.map(byJsYaml));
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    'bk-web1-ams-example-f68c4d6e',
    'web1.ams.example.test',
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGpc9mdvUVLncKuP0qlTGPwE2tFrnmKQhMh5b1OOBXMD',
    'restrict ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= bk-x',
  ])('is %s itself', (text) => {
    expect(yamlScalars([text])).toEqual([text]);
    expect(load(`- ${text}`)).toEqual([text]);
  });

  test('with a line break is refused', () => {
    expect(() => yamlScalars(['a\nb'])).toThrow('line break');
  });
});
