import { isJsonObject } from './json-object.ts';
import { error, type Problem } from './problem.ts';
import { readYaml } from './yaml-source.ts';

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** Reads what `salt-key -L --out=json` prints: the accepted IDs are under `minions`. */
export function readAccepted(
  text: string,
  file: string,
): { accepted?: ReadonlySet<string>; problems: Problem[] } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const minions = isJsonObject(parsed) ? parsed['minions'] : undefined;
  if (!isTexts(minions)) {
    return {
      problems: [
        error(
          'accepted-shape',
          { at: { file } },
          'no JSON with a list of accepted keys under "minions"',
          'who is accepted cannot be read from it',
          `write it anew: salt-key -L --out=json > ${file}`,
        ),
      ],
    };
  }
  return { accepted: new Set(minions), problems: [] };
}

/** Reads the owner's roles file: a YAML mapping of minion IDs to a role or a list of roles. */
export function readRoles(
  text: string,
  file: string,
): { roles?: ReadonlyMap<string, readonly string[]>; problems: Problem[] } {
  const yaml = readYaml(text, file);
  const fix = 'write one line a host: MINION_ID: [ROLE, …]';
  if ('fault' in yaml)
    return {
      problems: [
        error('roles-shape', { at: yaml.fault.at }, 'not YAML', 'roles choose what is backed up', fix),
      ],
    };
  const value = yaml.source.value ?? {};
  if (!isJsonObject(value))
    return {
      problems: [
        error(
          'roles-shape',
          { at: { file, line: 1 } },
          'no mapping of minion IDs',
          'roles choose what is backed up',
          fix,
        ),
      ],
    };
  const problems: Problem[] = [];
  const roles = new Map<string, readonly string[]>();
  for (const [minionId, given] of Object.entries(value)) {
    if (typeof given === 'string') roles.set(minionId, [given]);
    else if (isTexts(given)) roles.set(minionId, given);
    else
      problems.push(
        error(
          'roles-shape',
          { at: yaml.source.locate([minionId]) },
          'neither a role nor a list of roles',
          'roles choose what is backed up',
          fix,
        ),
      );
  }
  return problems.length > 0 ? { problems } : { roles, problems };
}
