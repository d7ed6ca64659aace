import type { Command } from 'commander';

/** Shells that a completion script is printed for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

interface Words {
  name: string;
  description: string;
  options: { flag: string; description: string }[];
  /** Commands below it. */
  below: { name: string; description: string }[];
}

const describe = (command: Command): string => command.summary() || command.description();

/** Its options, and those of the commands below it, each once. */
function optionsOf(command: Command): Words['options'] {
  const options = [command, ...command.commands].flatMap((one) => one.options);
  const named = options.map((option): [string, string] => [
    option.long ?? option.short ?? '',
    option.description,
  ]);
  return [...new Map(named.reverse())].reverse().map(([flag, description]) => ({ flag, description }));
}

function wordsOf(program: Command): Words[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: describe(command),
    options: optionsOf(command),
    below: command.commands.map((one) => ({ name: one.name(), description: describe(one) })),
  }));
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function bash(commands: readonly Words[]): string {
  const cases = commands
    .map(({ name, options, below }) => {
      const names = below.length === 0 ? '' : ` below=${quoted(below.map((one) => one.name).join(' '))}`;
      return `    ${name}) words=${quoted(options.map(({ flag }) => flag).join(' '))}${names} ;;`;
    })
    .join('\n');
  return `_brinicle() {
  local words below= current=\${COMP_WORDS[COMP_CWORD]}
  case "\${COMP_WORDS[1]}" in
${cases}
    *) words=${quoted(commands.map(({ name }) => name).join(' '))} ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words=${quoted(commands.map(({ name }) => name).join(' '))}
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) [ "$COMP_CWORD" -eq 2 ] && [ -n "$below" ] && words=$below
       [ "$COMP_CWORD" -eq 1 ] || { [ "$COMP_CWORD" -eq 2 ] && [ -n "$below" ]; } && COMPREPLY=($(compgen -W "$words" -- "$current")) || COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}
complete -F _brinicle brinicle
`;
}

function fish(commands: readonly Words[]): string {
  return commands
    .flatMap(({ name, description, options, below }) => [
      `complete -c brinicle -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
      ...below.map(
        (one) =>
          `complete -c brinicle -n '__fish_seen_subcommand_from ${name}' -a ${one.name} -d ${quoted(one.description)}`,
      ),
      ...options.map(
        (option) =>
          `complete -c brinicle -n '__fish_seen_subcommand_from ${name}' -l ${option.flag.replace(/^--/, '')} -d ${quoted(option.description)}`,
      ),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

/** A completion script, made from the very commands that the program has. */
export function completionScript(shell: (typeof SHELLS)[number], program: Command): string {
  const commands = wordsOf(program);
  if (shell === 'fish') return fish(commands);
  return shell === 'bash' ? bash(commands) : `autoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`;
}
