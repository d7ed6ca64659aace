import * as z from 'zod';

/** The format number of a price list. */
export const PRICES_FORMAT = 1;

const price = z.number().min(0);
const day = z.iso.date();

/** A day, a month, or only a year, where nobody says it better. */
const about = z.string().regex(/^\d{4}(?:-\d{2}){0,2}$/);

/** zod schema of one way in which a store gives objects back. */
const retrievalSchema = z.strictObject({
  /** `at once`, or what the store calls this way of thawing. */
  way: z.string().min(1).max(30),
  /** Hours until the last object can be read, at most; 0 where nothing has to thaw. */
  hours: z.number().min(0),
  /** For each GiB. */
  gib: price,
  /** For 1,000 objects that are asked for, beside reading them. */
  thousand: price,
});

/** zod schema of what a storage class costs in a region. */
export const rateSchema = z.strictObject({
  /** For a GiB that lies there a month. */
  storage: price,
  /** For 1,000 requests that upload. */
  write: price,
  /** For 1,000 requests that read an object. */
  read: price,
  /** Days for which an object is billed at least. */
  least_days: z.int().min(0),
  /** The cheapest last. */
  retrieval: z.array(retrievalSchema).min(1),
  /** Which of these figures nobody could confirm. */
  unconfirmed: z.array(z.enum(['storage', 'write', 'read', 'retrieval'])).default([]),
});

/** What a storage class costs in a region. */
export type Rate = z.output<typeof rateSchema>;

/** One way of getting objects back. */
export type Retrieval = Rate['retrieval'][number];

/** zod schema of what leaving the store for the Internet costs: each band from where the one before ends. */
const egressSchema = z
  .array(z.strictObject({ up_to_gib: z.number().positive().nullable(), gib: price }))
  .min(1)
  .refine((bands) => bands.at(-1)?.up_to_gib === null, 'the last band has no end: up_to_gib is null')
  .refine(
    (bands) =>
      bands.every(({ up_to_gib: end }, index) =>
        end === null ? index === bands.length - 1 : end > (bands[index - 1]?.up_to_gib ?? 0),
      ),
    'bands end one after the other',
  );

/** Bands of the price of a month's traffic. */
export type Egress = z.output<typeof egressSchema>;

const storePricesSchema = z.strictObject({
  /** Where the figures are from, and when they were read there. */
  sources: z.array(
    z.strictObject({ what: z.string(), url: z.url(), read: about, by: z.string().optional() }),
  ),
  egress: egressSchema,
  /** Prices by region, and in it by class. */
  regions: z.record(z.string(), z.record(z.string(), rateSchema)),
});

/** The prices of a kind of store. */
export type StorePrices = z.output<typeof storePricesSchema>;

/** zod schema of a price list, of ours and of `--prices FILE`. */
export const priceListSchema = z.strictObject({
  '//': z.string().optional(),
  format: z.literal(PRICES_FORMAT),
  /** The day of the list. */
  date: day,
  /** As a bank writes it. */
  currency: z.string().regex(/^[A-Z]{3}$/),
  google: storePricesSchema.optional(),
  s3: storePricesSchema.optional(),
});

/** A price list as it is written. */
export type PriceListInput = z.input<typeof priceListSchema>;

/** A price list. */
export type PriceList = z.output<typeof priceListSchema>;
