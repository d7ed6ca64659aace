import { pricePolicy } from '../../../cost/price-policy.ts';
import { becomeOwner } from '../../../io/archive-owner.ts';
import { imagedArchive } from '../../../io/imaged-archive.ts';
import { offsiteMemory } from '../../../io/offsite-memory.ts';
import { squashfsMaker } from '../../../io/squashfs-image.ts';
import type { OffsiteConfig } from '../../../model/offsite-config.ts';
import { hasErrors } from '../../../model/problem.ts';
import { chooseBase } from '../../../offsite/choose-kind.ts';
import { stageImage } from '../../../offsite/make-image.ts';
import { planParts } from '../../../offsite/plan-parts.ts';
import { expectedImageBytes, heldBy } from '../../../offsite/run-offsite.ts';
import { byteSize, count } from '../../../report/figures.ts';
import { EXIT, jsonText, type Terminal } from '../../terminal.ts';
import { Refused } from '../archive/archive-options.ts';
import { pricesFor } from '../cost/cost.ts';
import { moneyIn } from '../cost/cost-text.ts';
import { planOfConfig } from '../cost/plan-of.ts';
import {
  checkAll,
  type OffsiteOptions,
  offsiteProblem,
  openOffsite,
  orderOf,
  SHORT_PATIENCE,
} from './offsite-context.ts';
import { TerminalReport } from './offsite-report.ts';

/** What the policy costs a month while images are as large as the next one. */
function monthlyCost(config: OffsiteConfig, imageBytes: number, file: string): string {
  const options = { config: file };
  try {
    const found = planOfConfig(config, options);
    const { list, region, tariff } = pricesFor(found, options);
    const { month } = pricePolicy(found.plan, { bytes: imageBytes, growth: 0, manifests: 0 }, tariff);
    const place = region === '' ? '' : ` in ${region}`;
    return `images as large as this one cost about ${moneyIn(list.currency)(month.total)} a month${place}; brinicle cost says how that is counted\n`;
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    return `what it costs is not known: ${thrown.problem.what} (brinicle cost --prices)\n`;
  }
}

/** `brinicle-offsite --dry-run`: what the next image would hold, about how large it gets, and what the checks say. */
export async function dryRunCommand(
  config: OffsiteConfig,
  options: OffsiteOptions,
  terminal: Terminal,
): Promise<number> {
  const report = new TerminalReport(options, terminal);
  try {
    const opened = await openOffsite(config);
    becomeOwner(config.archive);
    const order = orderOf(opened, Date.now() / 1000);
    const problems = await checkAll(
      opened,
      order.now,
      options.config,
      new AbortController().signal,
      SHORT_PATIENCE,
    );
    const memory = offsiteMemory(config.archive);
    const newest = memory.newest();
    const base = chooseBase(newest, order.now, order.fullEvery, opened.store.name, order.recipients);
    const listing = stageImage(
      imagedArchive(config.archive),
      report,
      { folder: () => undefined, file: () => undefined, drop: () => undefined },
      heldBy(base, memory),
    );
    const imageBytes = expectedImageBytes(listing, newest);
    const parts = planParts(imageBytes, config.part_bytes).length;
    const free = squashfsMaker(config.archive).freeBytes();
    const unfinished = memory.load();
    report.tell(problems);
    if (options.json === true)
      terminal.out(
        jsonText({
          holds: listing.holds,
          imageBytes,
          parts,
          free,
          unfinished: unfinished?.image ?? null,
          problems,
        }),
      );
    else {
      const { holds } = listing;
      terminal.out(
        `${unfinished === undefined ? '' : `image ${unfinished.image} is unfinished: the next run goes on with it\n`}` +
          `a new ${base === undefined ? 'full image' : 'increment'} would hold ${count(holds.versions)} versions of ${count(holds.hosts)} hosts, ${byteSize(holds.bytes)} in ${count(holds.objects)} objects\n` +
          `about ${byteSize(imageBytes)} in ${parts} parts to ${opened.store.name}; ${byteSize(free)} are free for it\n` +
          monthlyCost(config, imageBytes, options.config),
      );
    }
    return hasErrors(problems) ? EXIT.problems : EXIT.fine;
  } catch (thrown) {
    report.tell([offsiteProblem(thrown, config)]);
    return EXIT.problems;
  }
}
