/** A piece of an image that becomes an object of its own. */
export interface PlannedPart {
  /** From 1. */
  number: number;
  from: number;
  bytes: number;
}

/** Cuts an image into parts of a size; the last one is what is left. */
export function planParts(imageBytes: number, partBytes: number): PlannedPart[] {
  return Array.from({ length: Math.ceil(imageBytes / partBytes) }, (_, index) => ({
    number: index + 1,
    from: index * partBytes,
    bytes: Math.min(partBytes, imageBytes - index * partBytes),
  }));
}
