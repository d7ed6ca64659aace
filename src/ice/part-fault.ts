/** What is wrong with a part. */
export interface PartTrouble {
  name: string;
  /** From 1. */
  number: number;
  /**
   * - `lost`: the store does not have it
   * - `altered`: the store has other bytes than were uploaded
   * - `made-wrong`: the store has what the index says, and yet it gives not what the index says: so it was made
   * - `no-key`: no key at hand opens it
   */
  why: 'lost' | 'altered' | 'made-wrong' | 'no-key';
  /** In words, printable. */
  what: string;
}

/** A part of an image that cannot be used. */
export class PartFault extends Error {
  readonly trouble: PartTrouble;

  constructor(trouble: PartTrouble) {
    super(trouble.what);
    this.trouble = trouble;
  }
}
