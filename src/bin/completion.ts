import type { Command } from 'commander';

/** Shells that a completion script is printed for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

interface Words {
  name: string;
  description: string;
  options: { flag: string; description: string }[];
}

function wordsOf(program: Command): Words[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.summary() || command.description(),
    options: command.options.map((option) => ({
      flag: option.long ?? option.short ?? '',
      description: option.description,
    })),
  }));
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function bash(commands: readonly Words[]): string {
  const cases = commands
    .map(({ name, options }) => `    ${name}) words=${quoted(options.map(({ flag }) => flag).join(' '))} ;;`)
    .join('\n');
  return `_brinicle() {
  local words current=\${COMP_WORDS[COMP_CWORD]}
  case "\${COMP_WORDS[1]}" in
${cases}
    *) words=${quoted(commands.map(({ name }) => name).join(' '))} ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words=${quoted(commands.map(({ name }) => name).join(' '))}
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) [ "$COMP_CWORD" -eq 1 ] && COMPREPLY=($(compgen -W "$words" -- "$current")) || COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}
complete -F _brinicle brinicle
`;
}

function fish(commands: readonly Words[]): string {
  return commands
    .flatMap(({ name, description, options }) => [
      `complete -c brinicle -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
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
