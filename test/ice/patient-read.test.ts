import { expect, test } from 'vitest';
import { listObjects, type Reading, readPatiently, readWhole } from '../../src/ice/patient-read.ts';
import { type IceReader, type StoredObject, StoreFault } from '../../src/offsite/ports.ts';
import { noise } from './office.ts';

const content = noise(1_000_000);

const object: StoredObject = {
  name: 'x',
  version: '1',
  bytes: content.length,
  storedAt: 0,
  storageClass: 'STANDARD',
  crc32c: undefined,
};

interface Asked {
  from: number;
  end: number | undefined;
}

/** A store whose answers are told, and a clock that notes how long it was waited. */
function readingOf(answer: (asked: Asked, tries: number) => Iterable<Uint8Array>): Reading & {
  asked: Asked[];
  waits: number[];
  stop: AbortController;
} {
  const [asked, waits]: [Asked[], number[]] = [[], []];
  const stop = new AbortController();
  const reader: IceReader = {
    name: 'told',
    list: async function* () {},
    read: async function* (_object, from, end) {
      asked.push({ from, end });
      yield* answer({ from, end }, asked.length);
    },
  };
  const clock = {
    now: () => 0,
    sleep: async (seconds: number) => {
      waits.push(seconds);
    },
  };
  return { reader, clock, signal: stop.signal, asked, waits, stop };
}

const again = (): never => {
  throw new StoreFault('again', 'HTTP 503');
};

test('a connection that is cut is made anew from where it was', async () => {
  const reading = readingOf(function* ({ from }, tries) {
    yield content.subarray(from, from + 300_000);
    if (tries % 2 === 0) again();
  });
  expect((await readWhole(reading, object)).equals(content)).toBe(true);
  expect(reading.asked.map(({ from }) => from)).toEqual([0, 300_000, 600_000, 900_000]);
  // An answer that ends early without a word is no end.
  expect(reading.waits).toEqual([1, 1, 1]);
});

test('a store that gives nothing is waited for longer and longer, and given up in the end', async () => {
  const reading = readingOf(again);
  await expect(readWhole(reading, object)).rejects.toThrow('HTTP 503');
  expect(reading.waits).toEqual([1, 2, 4, 8, 16, 32, 60]);
  expect(reading.asked).toHaveLength(8);
});

test('one that must thaw is not waited for', async () => {
  const reading = readingOf(again);
  await expect(readWhole(reading, { ...object, storageClass: 'GLACIER' })).rejects.toThrow('HTTP 503');
  expect(reading.asked).toHaveLength(2);
});

test('what waiting does not mend is told at once', async () => {
  for (const kind of ['refused', 'absent', 'final', 'damaged'] as const) {
    const reading = readingOf(() => {
      throw new StoreFault(kind, 'no');
    });
    await expect(readWhole(reading, object)).rejects.toMatchObject({ kind });
    expect(reading.waits).toEqual([]);
  }
});

test('more than the store said is refused before it is used', async () => {
  const reading = readingOf(function* () {
    for (;;) yield content;
  });
  const taken: number[] = [];
  const read = async (): Promise<void> => {
    for await (const piece of readPatiently(reading, object)) taken.push(piece.length);
  };
  await expect(read()).rejects.toThrow('the store gave more than the 1000000 bytes that it said');
  expect(taken).toEqual([content.length]);
});

test('a part of an object is asked for as a part', async () => {
  const reading = readingOf(function* ({ from, end }) {
    yield content.subarray(from, end);
  });
  expect((await readWhole(reading, object, 4096)).equals(content.subarray(0, 4096))).toBe(true);
  expect(reading.asked).toEqual([{ from: 0, end: 4096 }]);
});

test('who is stopped waits no more', async () => {
  const reading = readingOf(again);
  reading.clock.sleep = async () => reading.stop.abort(new Error('stopped'));
  await expect(readWhole(reading, object)).rejects.toThrow('stopped');
  expect(reading.asked).toHaveLength(1);
});

test('a list is begun anew, and is not gone through for ever', async () => {
  let lists = 0;
  const reading = readingOf(() => []);
  reading.reader.list = async function* () {
    lists++;
    yield object;
    if (lists < 3) again();
    for (let more = 0; more < 10; more++) yield object;
  };
  expect(await listObjects(reading, '', 100)).toHaveLength(11);
  expect(lists).toBe(3);
  expect(await listObjects(reading, '', 5)).toBe('too-many');
});
