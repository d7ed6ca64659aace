import { CORE_SCHEMA, EVENT_ID, type Event, getScalarValue, load, parseEvents, YAMLException } from 'js-yaml';
import type { Place } from './problem.ts';

/** A YAML text that was read, with the line of every key in it. */
export interface YamlSource {
  value: unknown;
  /** The place of a path of keys and indexes, or of its nearest parent that the text has. */
  locate(path: readonly PropertyKey[]): Place;
}

/** What is wrong with a YAML text, and on which line (from 1). */
export interface YamlFault {
  reason: string;
  at: Place;
}

const MAX_DEPTH = 64;

/** What lets a text be read as something else than it is shown as: control and bidi characters, a lone CR. */
const HIDDEN = /(?!^\ufeff)[\p{Cf}\p{Zl}\p{Zp}]|(?![\t\n\r])\p{Cc}|\r(?!\n)/u;

function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

type NodeEvent = Exclude<Event, { type: typeof EVENT_ID.POP | typeof EVENT_ID.DOCUMENT }>;

function startOf(event: NodeEvent): number {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart;
  return event.type === EVENT_ID.ALIAS ? event.anchorStart : event.start;
}

interface OpenNode {
  path: string;
  next: number | 'key' | { key: string };
}

const joinPath = (parent: string, step: PropertyKey): string => `${parent}\u0000${String(step)}`;

/** Walks parse events and remembers where each key and item begins. */
class PathIndex {
  readonly at = new Map<string, number>();
  readonly #open: (OpenNode | null)[] = [];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  see(event: Event): void {
    if (event.type === EVENT_ID.POP) this.#open.pop();
    else if (event.type === EVENT_ID.DOCUMENT) this.#open.push(null);
    else this.#node(event);
  }

  #node(event: NodeEvent): void {
    const parent = this.#open.at(-1) ?? null;
    const path = parent === null ? '' : this.#step(parent, event);
    if (event.type === EVENT_ID.SEQUENCE) this.#open.push({ path, next: 0 });
    else if (event.type === EVENT_ID.MAPPING) this.#open.push({ path, next: 'key' });
  }

  /** The path of a node below its parent; a mapping's key has the path of its value. */
  #step(parent: OpenNode, event: NodeEvent): string {
    if (parent.next === 'key') {
      const key = event.type === EVENT_ID.SCALAR ? getScalarValue(this.#text, event) : '?';
      parent.next = { key };
      return this.#remember(joinPath(parent.path, key), event);
    }
    if (typeof parent.next === 'object') {
      const { key } = parent.next;
      parent.next = 'key';
      return joinPath(parent.path, key);
    }
    return this.#remember(joinPath(parent.path, parent.next++), event);
  }

  #remember(path: string, event: NodeEvent): string {
    if (!this.at.has(path)) this.at.set(path, startOf(event));
    return path;
  }
}

function indexPaths(
  text: string,
  file: string,
): { at: Map<string, number>; line: (offset: number) => number } {
  const index = new PathIndex(text);
  for (const event of parseEvents(text, { filename: file, maxDepth: MAX_DEPTH })) index.see(event);
  return { at: index.at, line: lineFinder(text) };
}

/**
 * Reads one YAML 1.2 document (js-yaml's core schema: no dates, no merge keys, no tags of our own). The line
 * index is made only when a problem asks for a place.
 */
export function readYaml(text: string, file: string): { source: YamlSource } | { fault: YamlFault } {
  const hidden = HIDDEN.exec(text);
  if (hidden !== null) {
    const code = (hidden[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    const reason = `it holds U+${code}, which a reviewer does not see`;
    return { fault: { reason, at: { file, line: lineFinder(text)(hidden.index) } } };
  }
  let value: unknown;
  try {
    value = load(text, { schema: CORE_SCHEMA, filename: file, maxDepth: MAX_DEPTH, maxAliases: 100 });
  } catch (thrown) {
    if (!(thrown instanceof YAMLException)) throw thrown;
    const line = thrown.mark?.line;
    return { fault: { reason: thrown.reason, at: line === undefined ? { file } : { file, line: line + 1 } } };
  }
  let index: { at: Map<string, number>; line: (offset: number) => number } | undefined;
  const locate = (path: readonly PropertyKey[]): Place => {
    index ??= indexPaths(text, file);
    for (let length = path.length; length > 0; length--) {
      const offset = index.at.get(path.slice(0, length).reduce<string>(joinPath, ''));
      if (offset !== undefined) return { file, line: index.line(offset) };
    }
    return { file, line: 1 };
  };
  return { source: { value, locate } };
}
