import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileFleet } from '../../src/compile/compile-fleet.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { entry, sampleInputs } from './sample-inputs.ts';

function textsBelow(folder: string): [string, string][] {
  const top = join(repositoryFolder(), folder);
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(py|sls|jinja)$/.test(path))
    .map((path) => [path, readFileSync(join(top, path), 'utf8')]);
}

test.each(['salt', 'templates/states'])('every file of %s is emitted', (folder) => {
  const emitted = [...compileFleet(sampleInputs({ web1: entry(1) })).tree.values()];
  const texts = textsBelow(folder);
  expect(texts.length).toBeGreaterThan(3);
  for (const [path, text] of texts)
    expect(
      emitted.some((file) => file.endsWith(text)),
      path,
    ).toBe(true);
});
