import { compareClasses, compareFullEvery } from '../../../cost/compare-plans.ts';
import { tariffsOf } from '../../../cost/find-tariff.ts';
import { type PriceList, priceListSchema } from '../../../cost/price-list.ts';
import { type PolicyPrice, pricePolicy, type Tariff } from '../../../cost/price-policy.ts';
import { PRICES } from '../../../cost/prices.ts';
import { readConfigFile } from '../../../io/config-file.ts';
import { type StoreLocation, storeName } from '../../../model/ice/store-location.ts';
import { printable } from '../../../model/problem.ts';
import { byteSize } from '../../../report/figures.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { EXIT, type ExitCode, jsonText } from '../../terminal.ts';
import { WrongUsage } from '../../wrong-usage.ts';
import { refuse } from '../archive/archive-options.ts';
import { caring } from '../archive/care-options.ts';
import type { CostOptions, PolicyReader } from './cost-options.ts';
import { classTable, fullEveryTable, moneyIn, planLines, restoreText, sumTable } from './cost-text.ts';
import { type FoundPlan, planOf } from './plan-of.ts';
import { sizesOf } from './sizes-of.ts';

/** Where a bucket of Google's is taken to be: its policy does not say it. */
const LIKELY_REGION = 'europe-west3';

function priceList({ prices }: CostOptions): PriceList {
  if (prices === undefined) return PRICES;
  const read = readConfigFile(prices, priceListSchema);
  if ('value' in read) return read.value;
  refuse(
    'cost-prices',
    { at: { file: prices } },
    printable(read.fault),
    'it is to be a price list',
    'begin with ours: brinicle cost --print-prices > prices.json',
  );
}

/** The region of a store, and whether that is only taken for likely. */
function regionOf(location: StoreLocation, { region }: CostOptions): { region: string; isLikely: boolean } {
  if (region !== undefined) return { region, isLikely: false };
  if (location.kind === 's3') return { region: location.region, isLikely: false };
  return { region: location.kind === 'google' ? LIKELY_REGION : '', isLikely: location.kind === 'google' };
}

/** Prices that a policy is priced by. */
interface FoundPrices {
  list: PriceList;
  region: string;
  isLikely: boolean;
  class: string;
  tariffs: ReadonlyMap<string, Tariff>;
  tariff: Tariff;
}

/** The prices of the store and class of a plan; ends the command where there are none. */
export function pricesFor({ location, plan }: FoundPlan, options: CostOptions): FoundPrices {
  const list = priceList(options);
  const { region, isLikely } = regionOf(location, options);
  const found = tariffsOf(list, { store: plan.store, region });
  const lacking = (what: string, known: readonly string[]): never =>
    refuse(
      'cost-prices',
      options.prices === undefined ? {} : { at: { file: options.prices } },
      what,
      'prices differ between regions, and a guess would look like a price',
      `${known.length === 0 ? '' : `take a like one by --region (${known.map((name) => printable(name)).join(', ')}), or `}give a price list by --prices`,
    );
  if ('known' in found)
    return lacking(`the price list has no prices of ${plan.store} in ${region}`, found.known);
  const name = location.kind === 'folder' ? 'folder' : location.class;
  const tariff = found.tariffs.get(name);
  if (tariff === undefined) return lacking(`the price list has no prices of ${name} in ${region}`, []);
  return { list, region, isLikely, class: name, tariffs: found.tariffs, tariff };
}

function priceAssumptions({ plan, location }: FoundPlan, prices: FoundPrices): string[] {
  const { list, region, isLikely, tariff, tariffs } = prices;
  if (location.kind === 'folder') return ['a folder sends no bill: what it needs is room on its disk'];
  const doubtful = [...tariffs].filter(([, { rate }]) => rate.unconfirmed.length > 0);
  return [
    `prices of ${region}, ${list.date}, without tax and discounts, from the first byte on; stores change them: --prices`,
    ...(isLikely ? [`the bucket is in ${region}: its policy does not say where it is (--region)`] : []),
    ...(location.endpoint === undefined
      ? []
      : [`${location.endpoint} charges what the store itself does, which only its own price list can say`]),
    ...(plan.removedAfter === null
      ? [
          'a lifecycle of the bucket removes each object on the day on which its retention ends (--removed-after)',
        ]
      : []),
    'each image is priced when it is made, for all days for which it will be billed: bills are lower until the store has filled up',
    ...(tariff.rate.least_days > 0
      ? [`its class is billed for ${tariff.rate.least_days} days at least, whenever it is removed`]
      : []),
    ...(tariff.rate.retrieval.some(({ hours }) => hours > 0)
      ? ['what is thawed is billed in STANDARD as well, for the 14 days for which it can be read']
      : []),
    ...doubtful.map(
      ([name, { rate }]) =>
        `not confirmed, of ${name} in ${region}: what is charged for ${rate.unconfirmed.join(', ')}`,
    ),
  ];
}

function priceJson({ keptDays, billedDays, ...price }: PolicyPrice): Record<string, unknown> {
  return { kept_days: keptDays, billed_days: billedDays, ...price };
}

function print(
  found: FoundPlan,
  prices: FoundPrices,
  sizes: ReturnType<typeof sizesOf>,
  options: CostOptions,
  { terminal }: ArchiveContext,
): void {
  const { plan, location } = found;
  const price = pricePolicy(plan, sizes.sizes, prices.tariff);
  const classes = compareClasses(plan, sizes.sizes, prices.tariffs);
  const fullEvery = compareFullEvery(plan, sizes.sizes, prices.tariff);
  const assumptions = [...sizes.assumptions, ...priceAssumptions(found, prices)];
  const sources = location.kind === 'folder' ? [] : (prices.list[location.kind]?.sources ?? []);
  if (options.json === true) {
    terminal.out(
      jsonText({
        store: storeName(location),
        class: prices.class,
        region: prices.region,
        archive_bytes: Math.round(sizes.archiveBytes),
        prices: { date: prices.list.date, currency: prices.list.currency, sources },
        ...priceJson(price),
        classes: classes.map((one) => ({ class: one.class, ...priceJson(one.price) })),
        full_every: fullEvery.map((one) => ({ full_every: one.fullEvery, ...priceJson(one.price) })),
        assumptions,
      }),
    );
    return;
  }
  const money = moneyIn(prices.list.currency);
  const where = location.kind === 'folder' ? '' : ` as ${prices.class} in ${prices.region}`;
  const lines = (texts: readonly string[]): string =>
    texts.map((text) => `${printable(text, 1000)}\n`).join('');
  terminal.out(
    [
      lines([
        `${byteSize(sizes.archiveBytes)} of archive, images of ${byteSize(sizes.sizes.bytes)}, ${byteSize(sizes.sizes.growth)} more each month, on ${storeName(location)}${where}`,
        ...planLines(price, plan.days),
      ]),
      sumTable(price, money),
      restoreText(price, money),
      ...(classes.length > 1 ? [classTable(classes, prices.class, money)] : []),
      fullEveryTable(fullEvery, plan.fullEvery, money),
      lines(['taken for granted:', ...assumptions.map((text) => `  ${text}`)]),
      ...(sources.length === 0
        ? []
        : [
            lines([
              'prices from:',
              ...sources.map(
                ({ what, url, read, by }) =>
                  `  ${url}, ${read}${by === undefined ? '' : ` by ${by}`}: ${what}`,
              ),
            ]),
          ]),
    ].join('\n'),
  );
}

/** `cost`: what the off-site policy costs. */
export async function costCommand(
  options: CostOptions,
  context: ArchiveContext,
  read: PolicyReader | undefined,
): Promise<ExitCode> {
  try {
    if (options.printPrices === true) {
      context.terminal.out(jsonText(PRICES));
      return EXIT.fine;
    }
    return await caring(context, async () => {
      const found = await planOf(options, read);
      const prices = pricesFor(found, options);
      print(found, prices, sizesOf(options, found.archive, context), options, context);
      return EXIT.fine;
    });
  } catch (thrown) {
    if (!(thrown instanceof WrongUsage)) throw thrown;
    context.terminal.err(`error: ${thrown.message}\n`);
    return EXIT.usage;
  }
}
