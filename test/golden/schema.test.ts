import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { schemaText } from '../../src/bin/commands/schema.ts';
import { readPolicy } from '../../src/model/read-policy.ts';
import { repositoryFolder } from '../throwaway/base.ts';

const examples = join(repositoryFolder(), 'examples');

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean;
  description?: string;
}

describe('the JSON Schema of brinicle.yaml', () => {
  const schema = JSON.parse(schemaText('policy')) as Schema;

  test('needs the server and the off-site plan alone, and knows no other key', () => {
    expect(schema.required).toEqual(['server', 'offsite']);
    expect(schema.properties?.['server']?.required).toEqual(['name']);
    expect(schema.additionalProperties).toBe(false);
  });

  test('says of each key of the backup server what it is', () => {
    for (const [key, value] of Object.entries(schema.properties?.['server']?.properties ?? {}))
      expect(value.description, key).toBeTruthy();
  });
});

describe('an example’s brinicle.yaml', () => {
  const policies = readdirSync(examples, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('brinicle.yaml') && !path.includes('_base'))
    .sort();

  test.each(policies)('%s names the schema, which is there', (path) => {
    const first = readFileSync(join(examples, path), 'utf8').split('\n')[0] ?? '';
    const named = /^# yaml-language-server: \$schema=(.+)$/.exec(first)?.[1] ?? 'nothing';
    const schema = join(examples, dirname(path), named);
    expect(relative(examples, schema)).toBe('brinicle.schema.json');
    expect(existsSync(schema)).toBe(true);
  });

  test.each(policies.filter((path) => !path.startsWith('invalid/')))('%s is a policy', (path) => {
    expect(readPolicy(readFileSync(join(examples, path), 'utf8'), path).policy).toBeDefined();
  });
});
