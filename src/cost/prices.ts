import { type PriceList, type PriceListInput, priceListSchema } from './price-list.ts';

type RateInput = NonNullable<PriceListInput['s3']>['regions'][string][string];

const AT_ONCE = 'at once';

/** Storage of the four classes of Google Cloud Storage in a region; the rest costs the same in all of them. */
function googleRegion(
  standard: number,
  nearline: number,
  coldline: number,
  archive: number,
): Record<string, RateInput> {
  const rate = (
    storage: number,
    [write, read]: readonly [number, number],
    gib: number,
    least_days: number,
    unconfirmed: RateInput['unconfirmed'],
  ): RateInput => ({
    storage,
    write,
    read,
    least_days,
    retrieval: [{ way: AT_ONCE, hours: 0, gib, thousand: 0 }],
    unconfirmed,
  });
  return {
    STANDARD: rate(standard, [0.005, 0.0004], 0, 0, []),
    NEARLINE: rate(nearline, [0.01, 0.001], 0.01, 30, ['read']),
    COLDLINE: rate(coldline, [0.02, 0.01], 0.02, 90, ['write', 'read']),
    ARCHIVE: rate(archive, [0.05, 0.05], 0.05, 365, ['write', 'read']),
  };
}

/** What differs between regions of Amazon S3: five prices of storage, three of uploads, one of reads, four of thawing. */
interface S3Region {
  storage: readonly [standard: number, ia: number, instant: number, flexible: number, deep: number];
  write: readonly [standard: number, flexible: number, deep: number];
  read: number;
  /** For each GiB, in the standard way. */
  thaw: readonly [flexible: number, deep: number];
  /** For each GiB and for 1,000 objects; only those of the regions in the USA are confirmed. */
  bulk: readonly [gib: number, thousand: number];
  /** For 1,000 objects, in the standard way. */
  asked: readonly [flexible: number, deep: number];
  isConfirmed: boolean;
}

function s3Region({
  storage,
  write,
  read,
  thaw,
  bulk,
  asked,
  isConfirmed,
}: S3Region): Record<string, RateInput> {
  const [standard, ia, instant, flexible, deep] = storage;
  const unconfirmed: RateInput['unconfirmed'] = isConfirmed ? [] : ['retrieval'];
  return {
    STANDARD: {
      storage: standard,
      write: write[0],
      read,
      least_days: 0,
      retrieval: [{ way: AT_ONCE, hours: 0, gib: 0, thousand: 0 }],
    },
    STANDARD_IA: {
      storage: ia,
      write: 0.01,
      read: 0.001,
      least_days: 30,
      retrieval: [{ way: AT_ONCE, hours: 0, gib: 0.01, thousand: 0 }],
    },
    GLACIER_IR: {
      storage: instant,
      write: 0.02,
      read: 0.01,
      least_days: 90,
      retrieval: [{ way: AT_ONCE, hours: 0, gib: 0.03, thousand: 0 }],
    },
    GLACIER: {
      storage: flexible,
      write: write[1],
      read,
      least_days: 90,
      retrieval: [
        { way: 'standard', hours: 5, gib: thaw[0], thousand: asked[0] },
        { way: 'bulk', hours: 12, gib: 0, thousand: 0 },
      ],
      unconfirmed,
    },
    DEEP_ARCHIVE: {
      storage: deep,
      write: write[2],
      read,
      least_days: 180,
      retrieval: [
        { way: 'standard', hours: 12, gib: thaw[1], thousand: asked[1] },
        { way: 'bulk', hours: 48, gib: bulk[0], thousand: bulk[1] },
      ],
      unconfirmed,
    },
  };
}

const VIRGINIA: S3Region = {
  storage: [0.023, 0.0125, 0.004, 0.0036, 0.00099],
  write: [0.005, 0.03, 0.05],
  read: 0.0004,
  thaw: [0.01, 0.02],
  bulk: [0.0025, 0.025],
  asked: [0.05, 0.1],
  isConfirmed: true,
};

const IRELAND: S3Region = {
  ...VIRGINIA,
  write: [0.005, 0.033, 0.055],
  asked: [0.055, 0.11],
  isConfirmed: false,
};

const FRANKFURT: S3Region = {
  storage: [0.0245, 0.0135, 0.005, 0.00405, 0.0018],
  write: [0.0054, 0.036, 0.06],
  read: 0.00043,
  thaw: [0.012, 0.024],
  bulk: [0.005, 0.03],
  asked: [0.06, 0.12],
  isConfirmed: false,
};

/**
 * What stores charge, in US dollars, without tax. Stores change this when they like: see docs/cost.md for a list of
 * one's own.
 */
const LIST: PriceListInput = {
  '//': 'Prices of object stores for brinicle cost. Edit and give it by --prices FILE; see docs/cost.md of Brinicle.',
  format: 1,
  date: '2026-11-24',
  currency: 'USD',
  google: {
    sources: [
      {
        what: 'storage in us-central1, retrieval, operations of STANDARD, the first band of traffic',
        url: 'https://cloud.google.com/storage/pricing',
        read: '2026-09-20',
        by: 'github.com/api-evangelist/gcp-cloud-storage',
      },
      {
        what: 'storage in all regions',
        url: 'https://cloud.google.com/billing/docs/reference/pricing-api',
        read: '2025-03-06',
        by: 'github.com/Cyclenerd/google-cloud-pricing-cost-calculator',
      },
    ],
    egress: [
      { up_to_gib: 10 * 1024, gib: 0.12 },
      { up_to_gib: 150 * 1024, gib: 0.11 },
      { up_to_gib: null, gib: 0.08 },
    ],
    regions: {
      'europe-north1': googleRegion(0.02, 0.01, 0.004, 0.0012),
      'europe-west1': googleRegion(0.02, 0.01, 0.004, 0.0012),
      'europe-west2': googleRegion(0.023, 0.013, 0.007, 0.0025),
      'europe-west3': googleRegion(0.023, 0.013, 0.006, 0.0025),
      'europe-west4': googleRegion(0.02, 0.01, 0.004, 0.0012),
      'europe-west6': googleRegion(0.025, 0.014, 0.007, 0.0025),
      'us-central1': googleRegion(0.02, 0.01, 0.004, 0.0012),
      'us-east1': googleRegion(0.02, 0.01, 0.004, 0.0012),
      'us-east4': googleRegion(0.023, 0.013, 0.006, 0.0025),
      'us-west1': googleRegion(0.02, 0.01, 0.004, 0.0012),
    },
  },
  s3: {
    sources: [
      {
        what: 'storage, uploads, reads and the standard way of thawing in all regions, and traffic',
        url: 'https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonS3/current/region_index.json',
        read: '2026',
        by: 'github.com/scttfrdmn/objectfs',
      },
      {
        what: 'thawing in the regions of the USA',
        url: 'https://aws.amazon.com/s3/pricing/',
        read: '2026-06-05',
        by: 'www.usage.ai/blogs/aws/storage-cost/glacier-deep-archive-pricing',
      },
    ],
    egress: [
      { up_to_gib: 10 * 1024, gib: 0.09 },
      { up_to_gib: 50 * 1024, gib: 0.085 },
      { up_to_gib: 150 * 1024, gib: 0.07 },
      { up_to_gib: null, gib: 0.05 },
    ],
    regions: {
      'ca-central-1': s3Region({
        storage: [0.025, 0.0138, 0.005, 0.00405, 0.0018],
        write: [0.0055, 0.033, 0.06],
        read: 0.00044,
        thaw: [0.011, 0.022],
        bulk: [0.005, 0.03],
        asked: [0.055, 0.11],
        isConfirmed: false,
      }),
      'eu-central-1': s3Region(FRANKFURT),
      'eu-north-1': s3Region(IRELAND),
      'eu-west-1': s3Region(IRELAND),
      'eu-west-2': s3Region({
        ...FRANKFURT,
        storage: [0.024, 0.0131, 0.005, 0.00405, 0.0018],
        write: [0.0053, 0.0318, 0.06],
        read: 0.00042,
        thaw: [0.0105, 0.021],
      }),
      'us-east-1': s3Region(VIRGINIA),
      'us-east-2': s3Region(VIRGINIA),
      'us-west-2': s3Region(VIRGINIA),
    },
  },
};

/** The price list that comes with this version. */
export const PRICES: PriceList = priceListSchema.parse(LIST);
