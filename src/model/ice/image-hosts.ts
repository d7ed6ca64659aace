import * as z from 'zod';

/** zod schema of `hosts.json` in an image: which account is whose, so that a host is found by its minion ID. */
export const imageHostsSchema = z.object({
  format: z.literal(1),
  accounts: z.array(
    z.object({
      account: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
      /** Minion ID. */
      minion: z.string().max(1000),
    }),
  ),
});

/** An account of an image and the minion ID of its host. */
export type ImageHost = z.output<typeof imageHostsSchema>['accounts'][number];
