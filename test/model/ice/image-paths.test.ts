import { describe, expect, test } from 'vitest';
import { imagePath } from '../../../src/model/ice/image-paths.ts';

const REST = '0123456789'.repeat(6).concat('ab');

describe('paths of an image', () => {
  test.each([
    ['hosts.json', { kind: 'hosts' }],
    ['bk-web1', { kind: 'folder', account: 'bk-web1' }],
    ['bk-web1/objects', { kind: 'folder', account: 'bk-web1' }],
    ['bk-web1/versions', { kind: 'folder', account: 'bk-web1' }],
    ['bk-web1/objects/0a', { kind: 'folder', account: 'bk-web1' }],
    [`bk-web1/objects/0a/${REST}`, { kind: 'object', account: 'bk-web1', object: `0a${REST}` }],
    ['bk-web1/versions/2026-11-24T064934Z.mtree', { kind: 'version', account: 'bk-web1' }],
    ['bk-web1/versions/2026-11-24T064934Z.mtree.gz', { kind: 'version', account: 'bk-web1' }],
    ['bk-web1/versions/2026-11-24T064934Z.json', { kind: 'version', account: 'bk-web1' }],
  ])('%s', (path, meant) => {
    expect(imagePath(path)).toEqual(meant);
  });

  test.each([
    '',
    '.',
    '..',
    '/',
    'hosts.json/x',
    'HOSTS.JSON',
    'bk-web1/',
    'bk-web1//objects',
    'bk-web1/..',
    'bk-web1/state.json',
    'bk-web1/objects/0A',
    'bk-web1/objects/0a/',
    'bk-web1/objects/0a/..',
    `bk-web1/objects/0a/${REST}c`,
    `bk-web1/objects/0a/${REST.toUpperCase()}`,
    `bk-web1/objects/0a/${REST}/x`,
    `bk-web1/objects/0a/${REST}\n`,
    'bk-web1/versions/latest.mtree',
    'bk-web1/versions/2026-11-24T064934Z',
    'bk-web1/versions/2026-11-24T064934Z.mtree.xz',
    'bk-web1/versions/2026-11-24T064934Z.mtree/x',
    'bk-web1/versions/2026-11-24T064934Z.json\n',
    'bk-web1\n',
    '../bk-web1',
    'Bk-web1',
    `b${'k'.repeat(40)}`,
  ])('%j is none', (path) => {
    expect(imagePath(path)).toBeUndefined();
  });
});
