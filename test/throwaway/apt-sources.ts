import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
}

/** Reads one-line apt sources: `deb [options] URI SUITE COMPONENT…`. */
export function parseOneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const found = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
    const [, uri, suite, components] = found ?? [];
    return uri && suite && components ? [{ uri, suite, components: components.trim().split(/\s+/) }] : [];
  });
}

/** Reads deb822 apt sources: paragraphs of `Types`, `URIs`, `Suites`, `Components`. */
export function parseDeb822Sources(text: string): AptSource[] {
  const bare = text.replace(/^#.*\n/gm, '');
  return bare.split(/\n\s*\n/).flatMap((paragraph) => {
    const words = (name: string): string[] =>
      (new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, 'im').exec(paragraph)?.[1] ?? '').trim().split(/\s+/);
    if (!words('Types').includes('deb') || words('Enabled')[0] === 'no') return [];
    const components = words('Components');
    return words('URIs').flatMap((uri) => words('Suites').map((suite) => ({ uri, suite, components })));
  });
}

/** The machine's own sources of its own distribution's suites, the release itself first. */
export function machineSources(codename: string, etcApt = '/etc/apt'): AptSource[] {
  const folder = join(etcApt, 'sources.list.d');
  const files = [
    join(etcApt, 'sources.list'),
    ...(existsSync(folder) ? readdirSync(folder).sort() : []).map((name) => join(folder, name)),
  ];
  const sources = files.filter(existsSync).flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    return file.endsWith('.sources')
      ? parseDeb822Sources(text)
      : file.endsWith('.list')
        ? parseOneLineSources(text)
        : [];
  });
  const own = ['', '-updates', '-security'].flatMap((pocket) =>
    sources.filter((source) => source.suite === codename + pocket && source.components.includes('main')),
  );
  const usable = own.flatMap((source) => {
    const uri = resolveMirrorList(source.uri);
    return uri ? [{ ...source, uri }] : [];
  });
  if (usable[0]?.suite !== codename) throw new Error(`no apt source for ${codename} main found in ${etcApt}`);
  return usable;
}

/** Cloud images name a file of mirrors; its first line serves. */
function resolveMirrorList(uri: string): string | undefined {
  const list = /^mirror\+file:(?:\/\/)?(\/.*)$/.exec(uri)?.[1];
  const found = list && existsSync(list) ? readFileSync(list, 'utf8').trim().split(/\s/)[0] : uri;
  return found && /^https?:\/\//.test(found) ? found : undefined;
}
