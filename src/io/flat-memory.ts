import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes by which heap and buffers may grow before what is dead is collected, instead of when V8 thinks it is time. */
const GROWTH = 28 * 2 ** 20;

let collect: (() => void) | undefined;
let enough = 0;

function used(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

/**
 * Collects what is dead once the heap has grown. On a machine with much memory V8 lets dead objects of a long walk lie
 * until there is a hundred megabytes of them, which a backup must not take from those it works beside.
 */
export function keepMemoryFlat(): void {
  if (enough === 0) enough = used() + GROWTH;
  if (used() < enough) return;
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  enough = used() + GROWTH;
}
