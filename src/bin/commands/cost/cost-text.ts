import type { PolicyPrice, RestorePrice } from '../../../cost/price-policy.ts';
import { printable } from '../../../model/problem.ts';
import { byteSize, count, table } from '../../../report/figures.ts';

/** Writes money in the currency of a price list. */
export type Money = (amount: number) => string;

/** Money with cents; what is less than a cent is said to be so. */
export function moneyIn(currency: string): Money {
  const sign = currency === 'USD' ? '$' : `${currency} `;
  return (amount) => {
    if (amount > 0 && amount < 0.005) return `<${sign}0.01`;
    const [whole = '0', cents = '00'] = amount.toFixed(2).split('.');
    return `${sign}${count(Number(whole))}.${cents}`;
  };
}

const days = (number: number): string => `${count(number)} days`;

/** What the images are that are priced. */
export function planLines(price: PolicyPrice, daysOfMonth: readonly number[]): string[] {
  const { images, lying, keptDays, billedDays } = price;
  const kinds =
    images.increments === 0
      ? 'every one full'
      : `${count(images.full)} full and ${count(images.increments)} increments a year`;
  const billed =
    billedDays > keptDays ? `, and is billed for ${days(billedDays)}, the least of its class` : '';
  return [
    `images: on day ${[...new Set(daysOfMonth)].sort((a, b) => a - b).join(', ')} of each month, ${kinds}; ${byteSize(images.bytes)} a year`,
    `each lies there for ${days(keptDays)}${billed}; ${count(lying.images)} at once, ${byteSize(lying.bytes)}`,
  ];
}

/** What a policy costs, as a table. */
export function sumTable({ month, year }: PolicyPrice, money: Money): string {
  const rows = (['storage', 'operations', 'total'] as const).map((key) => [
    key,
    money(month[key]),
    money(year[key]),
  ]);
  return table([['', 'A MONTH', 'A YEAR'], ...rows], [1, 2]);
}

const hoursText = (hours: number): string => (hours === 0 ? 'at once' : `within ${hours} h`);

/** What getting everything back costs, as a table with a line above it. */
export function restoreText({ restore }: PolicyPrice, money: Money): string {
  const images = restore.images === 1 ? 'one image' : `${count(restore.images)} images`;
  const rows = restore.ways.map(({ way, hours, retrieval, thawed, operations, egress, total }) => [
    printable(way),
    hours === 0 ? '' : hoursText(hours),
    money(retrieval),
    money(thawed),
    money(egress),
    money(operations),
    money(total),
  ]);
  const head = ['', 'READABLE', 'RETRIEVAL', 'COPIES', 'TRAFFIC', 'OPERATIONS', 'TOTAL'];
  return `everything back, once: ${images}, ${byteSize(restore.bytes)} in ${count(restore.objects)} objects\n${table([head, ...rows], [2, 3, 4, 5, 6])}`;
}

const cheapest = ({ restore }: PolicyPrice): RestorePrice =>
  restore.ways.reduce((one, other) => (other.total < one.total ? other : one));

/** The same policy in the classes of its store. */
export function classTable(
  classes: readonly { class: string; price: PolicyPrice }[],
  own: string,
  money: Money,
): string {
  const rows = classes.map(({ class: name, price }) => [
    `${printable(name)}${name === own ? ' *' : ''}`,
    money(price.month.total),
    money(price.year.total),
    days(price.billedDays),
    money(cheapest(price).total),
    hoursText(cheapest(price).hours),
  ]);
  return table([['CLASS', 'A MONTH', 'A YEAR', 'BILLED FOR', 'RESTORE', ''], ...rows], [1, 2, 3, 4]);
}

/** The same policy with increments and without. */
export function fullEveryTable(
  plans: readonly { fullEvery: number | null; price: PolicyPrice }[],
  own: number | null,
  money: Money,
): string {
  const always = plans.find(({ fullEvery }) => fullEvery === null)?.price.year.total ?? 0;
  const saved = (total: number): string => {
    if (always === 0 || total === always) return '';
    const percent = Math.round((1 - total / always) * 100);
    return percent < 0 ? `costs ${-percent} % more` : `saves ${percent} %`;
  };
  const rows = plans.map(({ fullEvery, price }) => [
    `${fullEvery ?? 'always'}${fullEvery === own ? ' *' : ''}`,
    money(price.month.total),
    money(price.year.total),
    byteSize(price.lying.bytes),
    days(price.keptDays),
    money(cheapest(price).total),
    saved(price.year.total),
  ]);
  const head = ['FULL_EVERY', 'A MONTH', 'A YEAR', 'LIES THERE', 'RETENTION', 'RESTORE', ''];
  return table([head, ...rows], [1, 2, 3, 4, 5]);
}
