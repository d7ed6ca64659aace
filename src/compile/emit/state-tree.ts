import pillarModule from '../../../salt/_pillar/brinicle.py';
import accessModule from '../../../salt/_states/brinicle_access.py';
import accountsModule from '../../../salt/_states/brinicle_accounts.py';
import quotaModule from '../../../salt/_states/brinicle_quota.py';
import sshdModule from '../../../salt/_states/brinicle_sshd.py';
import topsModule from '../../../salt/_tops/brinicle.py';
import sharedModule from '../../../salt/_utils/brinicle.py';
import hostSls from '../../../templates/states/host.sls';
import initSls from '../../../templates/states/init.sls';
import keySls from '../../../templates/states/key.sls';
import mapJinja from '../../../templates/states/map.jinja';
import nodeSls from '../../../templates/states/node.sls';
import serverSls from '../../../templates/states/server.sls';
import shutOutSls from '../../../templates/states/shut-out.sls';
import type { CompileInputs } from '../../model/compile-inputs.ts';
import type { Fleet } from '../../model/fleet.ts';
import type { OutputTree } from '../../model/output-tree.ts';
import { HASH_HEADER, HEADER } from './header.ts';
import { jailAccounts } from './jail-accounts.ts';
import { jailsSls } from './jails-sls.ts';
import { masterConf, topLines } from './master-conf.ts';
import { pillarFiles } from './pillar.ts';
import { jailsTable, limitsConf, sshdConf, sysusersConf, tmpfilesConf } from './server-files.ts';

const FIXED_STATES: Readonly<Record<string, string>> = {
  'host.sls': hostSls,
  'init.sls': initSls,
  'key.sls': keySls,
  'map.jinja': mapJinja,
  'node.sls': nodeSls,
  'server.sls': serverSls,
  'shut-out.sls': shutOutSls,
};

const SALT_MODULES: Readonly<Record<string, string>> = {
  '_pillar/brinicle.py': pillarModule,
  '_states/brinicle_access.py': accessModule,
  '_states/brinicle_accounts.py': accountsModule,
  '_states/brinicle_quota.py': quotaModule,
  '_states/brinicle_sshd.py': sshdModule,
  '_tops/brinicle.py': topsModule,
  '_utils/brinicle.py': sharedModule,
};

/** Emits everything that a Salt master is pointed at. */
export function emitTree(
  fleet: Fleet,
  inputs: Pick<CompileInputs, 'policy' | 'programs' | 'sealRecipients' | 'iceRecipients'>,
): OutputTree {
  const { policy, programs } = inputs;
  const tree = new Map<string, string>();
  const accounts = jailAccounts(fleet, policy);
  for (const [name, text] of Object.entries(FIXED_STATES))
    tree.set(`states/brinicle/${name}`, HASH_HEADER + text);
  tree.set('states/brinicle/jails.sls', jailsSls(accounts, policy));
  tree.set('states/brinicle/files/jails.json', jailsTable(accounts, policy));
  tree.set('states/brinicle/files/limits.conf', limitsConf(policy));
  tree.set('states/brinicle/files/sshd.conf', sshdConf(policy));
  for (const [name, text] of programs) tree.set(`states/brinicle/files/${name}`, `// ${HEADER}\n${text}`);
  if (policy.accounts === 'bulk') {
    tree.set('states/brinicle/files/sysusers.conf', sysusersConf(accounts));
    tree.set('states/brinicle/files/tmpfiles.conf', tmpfilesConf(accounts, policy));
  }
  for (const [path, text] of Object.entries(SALT_MODULES)) tree.set(`states/${path}`, HASH_HEADER + text);
  for (const [path, text] of pillarFiles(fleet, inputs)) tree.set(`pillar/${path}`, text);
  tree.set('master.d/zz-brinicle.conf', masterConf(policy));
  tree.set('top-lines.sls', topLines(policy));
  return tree;
}
