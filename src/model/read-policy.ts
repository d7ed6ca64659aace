import type { z } from 'zod';
import { isHostname, type Policy, policySchema, sealRecipientNames } from './policy.ts';
import { error, type Place, type Problem, printable, type RuleName } from './problem.ts';
import { PACK_MARGIN } from './push-policy.ts';
import { uidRangeFault } from './uid-range.ts';
import { readYaml } from './yaml-source.ts';

/** The policy and what is wrong with it; without a policy when it cannot be used. */
export interface ReadPolicy {
  policy?: Policy;
  problems: Problem[];
}

const pathText = (path: readonly PropertyKey[]): string => path.map(String).join('.') || 'the whole file';

/** How near to one of the ways in which a value may be written it came: by the depth of what is wrong with it. */
function nearness(issues: readonly z.core.$ZodIssue[]): number {
  const depth = Math.max(...issues.map(({ path }) => path.length));
  return 2 * depth + (issues.some(({ code }) => code === 'invalid_type') ? 0 : 1);
}

/** What is wrong with a value that may be written in several ways: by the way that it came nearest to. */
function plainIssues(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union') return [issue];
    const ways = issue.errors.filter((way) => way.length > 0);
    const nearest = Math.max(...ways.map(nearness));
    const way = ways.find((one) => nearness(one) === nearest);
    if (way === undefined) return [issue];
    return plainIssues(way.map((one) => ({ ...one, path: [...issue.path, ...one.path] })));
  });
}

/** One problem for each thing a schema finds, at its line. */
export function schemaProblems(
  rule: RuleName,
  issues: readonly z.core.$ZodIssue[],
  locate: (path: readonly PropertyKey[]) => Place,
  fix: string,
): Problem[] {
  return plainIssues(issues).flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) =>
        error(
          rule,
          { at: locate([...issue.path, key]) },
          `${printable(pathText([...issue.path, key]))} is no key`,
          'a misspelt key would otherwise be a setting that never applies',
          fix,
        ),
      );
    }
    return [
      error(
        rule,
        { at: locate(issue.path) },
        `${printable(pathText(issue.path))}: ${printable(issue.message)}`,
        'a value of another kind has no meaning here',
        fix,
      ),
    ];
  });
}

const FORBIDDEN_ROOTS = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib64',
  '/proc',
  '/root',
  '/run',
  '/sbin',
  '/sys',
  '/tmp',
  '/usr',
  '/opt',
  '/var',
  '/home',
  '/srv/salt',
  '/srv/pillar',
];

/** Folders of the system below which there is room for ours. */
const OURS = ['/opt/brinicle', '/var/lib/brinicle', '/var/backups/brinicle'];

/** Where anybody may put a file: what root runs must not lie there. */
const ANYBODYS = ['/tmp', '/var/tmp', '/home', '/dev', '/run', '/proc', '/sys', '/mnt', '/media'];

const inside = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

function nodePathProblems(policy: Policy, locate: (path: readonly PropertyKey[]) => Place): Problem[] {
  const { node } = policy;
  if (node.from === 'archive') {
    const apart = ['/opt/', '/usr/local/lib/'].some((folder) => node.into.startsWith(folder));
    if (apart) return [];
    return [
      error(
        'policy-path',
        { at: locate(['node', 'into']) },
        `node.into is ${node.into}`,
        'an archive is unpacked there over what is there already',
        'choose a folder of its own such as /opt/brinicle/node',
      ),
    ];
  }
  const open = ANYBODYS.find((folder) => inside(node.path, folder));
  if (open === undefined) return [];
  return [
    error(
      'policy-path',
      { at: locate(['node', 'path']) },
      `node.path is ${node.path}`,
      `root's cron runs it, and others than root may write below ${open}`,
      'install Node.js where only root writes, such as /usr/bin or /opt',
    ),
  ];
}

function programFault(program: string): { why: string; fix: string } | undefined {
  if (!inside(program, '/usr/local') && !inside(program, '/opt')) {
    return {
      why: 'elsewhere it could replace a program of the system',
      fix: 'choose a path below /usr/local or /opt',
    };
  }
  if (inside('/usr/local/lib/brinicle', program) || inside(program, '/usr/local/lib/brinicle')) {
    return { why: 'its own files lie there', fix: 'choose a path such as /usr/local/sbin/brinicle-snap' };
  }
  if (/\/(brinicle[^/]*|snap)$/.test(program)) return undefined;
  return {
    why: 'under that name it could take the place of another program',
    fix: 'choose a name that begins with brinicle, or snap',
  };
}

function pathProblems(policy: Policy, locate: (path: readonly PropertyKey[]) => Place): Problem[] {
  const found: Problem[] = [];
  const refuse = (path: PropertyKey[], what: string, why: string, fix: string): void => {
    found.push(error('policy-path', { at: locate(path) }, what, why, fix));
  };
  const { jails, archive } = policy.server;
  for (const [key, path] of [
    ['jails', jails],
    ['archive', archive],
  ] as const) {
    const ours = OURS.some((folder) => inside(path, folder));
    const root = ours ? undefined : FORBIDDEN_ROOTS.find((folder) => inside(path, folder));
    if (root !== undefined || path.lastIndexOf('/') === 0) {
      refuse(
        ['server', key],
        `server.${key} is ${path}`,
        root === undefined
          ? 'a folder in / itself mixes backups with the system'
          : `${root} belongs to the system`,
        `choose a folder such as /srv/brinicle/${key}`,
      );
    }
  }
  if (inside(jails, archive) || inside(archive, jails)) {
    refuse(
      ['server', 'archive'],
      `server.archive (${archive}) and server.jails (${jails}) lie in each other`,
      'a host could reach its own history',
      'choose two folders beside each other',
    );
  }
  found.push(...nodePathProblems(policy, locate));
  const fault = programFault(policy.program);
  if (fault !== undefined) refuse(['program'], `program is ${policy.program}`, fault.why, fault.fix);
  return found;
}

function uidRangeProblems(policy: Policy, locate: (path: readonly PropertyKey[]) => Place): Problem[] {
  const former = policy.former_uid_ranges.map((range, index) => ({
    range,
    path: ['former_uid_ranges', index],
  }));
  return [{ range: policy.uid_range, path: ['uid_range'] }, ...former].flatMap(({ range, path }) => {
    const fault = uidRangeFault(range);
    if (fault === undefined) return [];
    const fix = 'choose a range such as [20000, 59999], or [300000, 499999] for a very large fleet';
    return [error('uid-range', { at: locate(path) }, `${path[0]} ${fault.what}`, fault.why, fix)];
  });
}

function packProblems(policy: Policy, locate: (path: readonly PropertyKey[]) => Place): Problem[] {
  const { pack_size } = policy.push;
  const { file_size } = policy.server.limits;
  if (pack_size < file_size - PACK_MARGIN) return [];
  // Whichever of the two the policy is likelier to name.
  const path = pack_size === 2 ** 30 ? ['server', 'limits', 'file_size'] : ['push', 'pack_size'];
  return [
    error(
      'policy-schema',
      { at: locate(path) },
      `push.pack_size (${pack_size} bytes) is not 16MiB below server.limits.file_size (${file_size} bytes)`,
      'the kernel of the backup server would end every push at a pack that reaches its limit',
      'lower push.pack_size, or raise server.limits.file_size',
    ),
  ];
}

/** Packs that an inbox must have room for: the host sends the next one while the last waits for rotate. */
const PACKS_IN_INBOX = 2;

function quotaProblems(policy: Policy, locate: (path: readonly PropertyKey[]) => Place): Problem[] {
  if (policy.server.quota.kind === 'none') return [];
  const { pack_size } = policy.push;
  const least = PACKS_IN_INBOX * (pack_size + PACK_MARGIN);
  const quotas = [
    { path: ['server', 'quota', 'bytes'], bytes: policy.server.quota.bytes },
    ...policy.hosts.map(({ quota }, index) => ({
      path: ['hosts', index, 'quota', 'bytes'],
      bytes: quota?.bytes ?? Number.POSITIVE_INFINITY,
    })),
  ];
  return quotas.flatMap(({ path, bytes }) =>
    bytes >= least
      ? []
      : [
          error(
            'quota-small',
            { at: locate(path) },
            `${pathText(path)} (${bytes} bytes) has no room for two packs of push.pack_size (${pack_size} bytes)`,
            'the kernel of the backup server would end every push whose packs fill the inbox before rotate takes them',
            `raise it to ${least} bytes at least, or lower push.pack_size`,
          ),
        ],
  );
}

function promiseProblems(policy: Policy, locate: (path: readonly PropertyKey[]) => Place): Problem[] {
  const found: Problem[] = [];
  const { name, address } = policy.server;
  if (address === undefined && !isHostname(name)) {
    found.push(
      error(
        'policy-schema',
        { at: locate(['server', 'name']) },
        `server.address is not given, and server.name (${printable(name)}) is no host name`,
        'hosts reach the backup server by it',
        'set server.address to its DNS name or IP address',
      ),
    );
  }
  if (policy.offsite !== 'none' && policy.offsite.retention_days < 92) {
    found.push(
      error(
        'offsite-retention',
        { at: locate(['offsite', 'retention_days']) },
        `offsite.retention_days is ${policy.offsite.retention_days}`,
        'what leaves the building is kept for three months at least',
        'set it to 92 or more',
      ),
    );
  }
  if (policy.retention.monthly_months < 24 && !policy.retention.shorter_than_two_years) {
    found.push(
      error(
        'history-too-short',
        { at: locate(['retention', 'monthly_months']) },
        `retention.monthly_months is ${policy.retention.monthly_months}`,
        'history reaches back two years unless the policy says otherwise in as many words',
        'set it to 24 or more, or add shorter_than_two_years: true beside it',
      ),
    );
  }
  return found;
}

function standingWarnings(policy: Policy, locate: (path: readonly PropertyKey[]) => Place): Problem[] {
  const found: Problem[] = [];
  if (policy.offsite === 'none') {
    found.push({
      rule: 'offsite-none',
      severity: 'warning',
      at: locate(['offsite']),
      what: 'offsite is none',
      why: 'a fire, a thief or whoever takes the backup server takes every backup with it',
      fix: 'name a recipient and a store when you have them',
    });
  } else if (policy.offsite.warn_only.length > 0) {
    found.push({
      rule: 'offsite-warn-only',
      severity: 'warning',
      at: locate(['offsite', 'warn_only']),
      what: `offsite.warn_only lets images go to a store that fails ${policy.offsite.warn_only.join(', ')}`,
      why: 'promises 6 and 7, that the ice refuses deletion and the backup server cannot undo it, hold only where every check does',
      fix: 'mend the store as brinicle offsite check says, and take the names out again',
    });
  }
  if (policy.offsite !== 'none' && policy.offsite.store.kind === 'folder') {
    found.push({
      rule: 'offsite-folder',
      severity: 'warning',
      at: locate(['offsite', 'store']),
      what: `offsite.store is the folder ${printable(policy.offsite.store.path)}`,
      why: 'whoever is root where a folder lies can remove what is in it: it holds against fire once its disk is carried away, and against an intruder only then',
      fix: 'use a bucket with locked retention (docs/stores.md), or take the disk out after each image',
    });
  }
  if (sealRecipientNames(policy).length === 0 && policy.hosts.some(({ seal }) => seal.length > 0)) {
    found.push({
      rule: 'seal-none',
      severity: 'warning',
      at: locate(['offsite']),
      what: 'nobody is named to whom the secrets of hosts could be sealed',
      why: 'secrets of hosts lie readable in the archive: whoever takes the backup server has their host keys and password hashes',
      fix: 'set seal.recipient to an OpenPGP public key whose private half is on no server, or say seal: [] in every entry of hosts:',
    });
  }
  if (policy.server.quota.kind === 'none') {
    found.push({
      rule: 'quota-none',
      severity: 'warning',
      at: locate(['server', 'quota', 'kind']),
      what: 'server.quota.kind is none',
      why: 'one host can fill the disk or use every inode before rotate sees it, and then no host can push',
      fix: 'put the jails on a file system of their own and set kind to ext4, xfs or btrfs',
    });
  }
  if (policy.salt.master !== undefined && policy.salt.master === policy.server.name) {
    found.push({
      rule: 'server-is-master',
      severity: 'warning',
      at: locate(['salt', 'master']),
      what: 'the backup server is the Salt master',
      why: 'whoever takes it commands every host: the promise that it cannot access other servers does not hold',
      fix: 'move the backups to a machine of their own',
    });
  }
  return found;
}

/** Reads brinicle.yaml. All problems at once; `file` is the name they are shown under. */
export function readPolicy(text: string, file: string): ReadPolicy {
  const yaml = readYaml(text, file);
  if ('fault' in yaml) {
    return {
      problems: [
        error(
          'policy-syntax',
          { at: yaml.fault.at },
          `not YAML: ${printable(yaml.fault.reason)}`,
          'nothing of it can be used',
          'mend the line; an editor with the schema (brinicle schema) shows it',
        ),
      ],
    };
  }
  const parsed = policySchema.safeParse(yaml.source.value ?? {});
  const locate = yaml.source.locate;
  if (!parsed.success) {
    return {
      problems: schemaProblems(
        'policy-schema',
        parsed.error.issues,
        locate,
        'see `brinicle schema` for every key and its meaning',
      ),
    };
  }
  const policy = parsed.data;
  const errors = [
    ...pathProblems(policy, locate),
    ...uidRangeProblems(policy, locate),
    ...packProblems(policy, locate),
    ...quotaProblems(policy, locate),
    ...promiseProblems(policy, locate),
  ];
  const problems = [...errors, ...standingWarnings(policy, locate)];
  return errors.length > 0 ? { problems } : { policy, problems };
}
