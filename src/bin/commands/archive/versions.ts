import { ArchiveFault, type StoredVersion } from '../../../model/archive/archive-reader.ts';
import { isAlarmed } from '../../../model/archive/version.ts';
import { printable } from '../../../model/problem.ts';
import { localStamp, span, table } from '../../../report/figures.ts';
import {
  HOST_COLUMNS,
  HOST_FIGURES,
  type HostSummary,
  hostRow,
  VERSION_COLUMNS,
  VERSION_FIGURES,
  versionRow,
} from '../../../report/version-row.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { EXIT, type ExitCode, jsonText } from '../../terminal.ts';
import {
  type ArchiveOptions,
  findHost,
  type OpenedArchive,
  openArchive,
  reported,
} from './archive-options.ts';

function summaryOf({ reader, hosts }: OpenedArchive, account: string): HostSummary {
  const minion = hosts.find((row) => row.account === account)?.minion;
  const host = minion === undefined ? account : printable(minion);
  try {
    const versions = reader.versions(account);
    const moments = [versions.at(-1)?.at, reader.lastSeen(account)].filter((at) => at !== undefined);
    return { host, account, versions, lastSuccess: moments.length === 0 ? undefined : Math.max(...moments) };
  } catch (thrown) {
    if (!(thrown instanceof ArchiveFault)) throw thrown;
    return { host, account, versions: [], lastSuccess: undefined, fault: thrown.message };
  }
}

/** One line a host; hosts of the table that never pushed have one too. */
function listHosts(archive: OpenedArchive, options: ArchiveOptions, context: ArchiveContext): ExitCode {
  const { terminal } = context;
  const accounts = new Set(archive.reader.accounts());
  const summaries: HostSummary[] = [...accounts].map((account) => summaryOf(archive, account));
  for (const { account, minion } of archive.hosts)
    if (!accounts.has(account))
      summaries.push({
        host: printable(minion),
        account,
        versions: [],
        lastSuccess: undefined,
        fault: 'has pushed nothing yet',
      });
  summaries.sort((one, other) => (one.host < other.host ? -1 : 1));
  if (options.json === true) {
    terminal.out(
      jsonText(
        summaries.map(({ host, account, versions, lastSuccess, fault }) => ({
          host,
          account,
          versions: versions.length,
          oldest: versions[0]?.name ?? null,
          newest: versions.at(-1)?.name ?? null,
          last_success: lastSuccess ?? null,
          alarmed: versions.filter(({ record }) => record !== undefined && isAlarmed(record)).length,
          ...(fault === undefined ? {} : { fault }),
        })),
      ),
    );
  } else {
    const now = context.now().at;
    terminal.out(table([HOST_COLUMNS, ...summaries.map((summary) => hostRow(summary, now))], HOST_FIGURES));
  }
  return EXIT.fine;
}

function versionJson({ name, at, record, fault }: StoredVersion): Record<string, unknown> {
  return {
    name,
    at,
    alarmed: record !== undefined && isAlarmed(record),
    record: record ?? null,
    fault: fault ?? null,
  };
}

/** `versions [HOST]`: a host's versions, or one line for each host. */
export async function versionsCommand(
  name: string | undefined,
  options: ArchiveOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  return reported(context, () => {
    const archive = openArchive(options, context);
    if (name === undefined) return listHosts(archive, options, context);
    const { account, shown } = findHost(archive, name);
    const { terminal } = context;
    const { versions, lastSuccess, fault } = summaryOf(archive, account);
    if (fault !== undefined) throw new ArchiveFault(fault);
    if (options.json === true) {
      terminal.out(jsonText(versions.map(versionJson)));
      return EXIT.fine;
    }
    const now = context.now();
    terminal.out(
      table([VERSION_COLUMNS, ...versions.map((version) => versionRow(version, now.at))], VERSION_FIGURES),
    );
    terminal.out(
      lastSuccess === undefined
        ? `${shown} has pushed nothing yet\n`
        : `last success of ${shown}: ${localStamp(lastSuccess, now.offset(lastSuccess))}, ${span(now.at - lastSuccess)} ago\n`,
    );
    return EXIT.fine;
  });
}
