/** Ends a command that was called in a way which means nothing. */
export class WrongUsage extends Error {}
