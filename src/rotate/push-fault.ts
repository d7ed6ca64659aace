/** Why a push cannot become a version: told to its host, in its status, and in the log. */
export class PushRefused extends Error {}

/** Why a push cannot become a version now, and may later. */
export class PushWaits extends Error {}
