import type { Policy } from '../../model/policy.ts';
import { yamlDocument } from '../../model/yaml-scalars.ts';
import { HASH_HEADER } from './header.ts';

const WARNING = `# Put it into /etc/salt/master.d and restart the Salt master once. Salt merges these options with those of other
# files in master.d, but they REPLACE the same options in /etc/salt/master itself, and Salt's default file_roots:
# move yours into a file of master.d first, and write the default there if you rely on it.
`;

/**
 * `master.d/zz-brinicle.conf`. It sorts last and holds only options that Salt merges over the files of master.d
 * (file_roots, module_dirs, ext_pillar, master_tops). What is in /etc/salt/master itself, and Salt's defaults, are
 * replaced by what master.d comes to (salt.config.include_config), which the file says at its head.
 */
export function masterConf(policy: Policy): string {
  const { output, top } = policy.salt;
  const states = `${output}/states`;
  return `${HASH_HEADER}${WARNING}${yamlDocument({
    file_roots: { [policy.saltenv]: [states] },
    module_dirs: [states],
    ext_pillar: [{ brinicle: { data: `${output}/pillar` } }],
    ...(top === 'master_tops'
      ? { master_tops: { brinicle: { data: `${output}/pillar`, saltenv: policy.saltenv } } }
      : {}),
  })}`;
}

/** `top-lines.sls`: what the user adds to the top file; a top file of ours would hide the user's, or be hidden. */
export function topLines(policy: Policy): string {
  const why =
    policy.salt.top === 'master_tops'
      ? '# master_tops gives every minion these states already: nothing is to be added.\n'
      : "# Add these lines to your own top.sls. '*' is right: minions that are not backed up are told so by pillar.\n";
  const lines = yamlDocument({ [policy.saltenv]: { '*': ['brinicle'] } });
  return `${HASH_HEADER}${why}${policy.salt.top === 'master_tops' ? lines.replace(/^/gm, '# ').replace(/# $/, '') : lines}`;
}
