/** Completion for shells, from the table of commands itself. Names of LoRAs and the like are asked of the mesh that runs. */
import type { Command, Option } from 'commander';

/** What the mesh can name, by the flag that takes it: `latentmesh list <what>` prints them. */
const LISTED: Readonly<Record<string, string>> = {
  '--sampler': 'samplers',
  '--schedule': 'schedules',
  '--lora': 'loras',
  '--controlnet': 'controlnets',
};
const FILES = new Set(['--output', '--model']);

/** A script for one shell, to be read by it at its start. */
export function completionScript(program: Command, shell: 'bash' | 'zsh' | 'fish'): string {
  if (shell === 'fish') return fish(program);
  return shell === 'bash' ? bash(program) : `autoload -U +X bashcompinit && bashcompinit\n${bash(program)}`;
}

function flagsOf({ options }: Command): string[] {
  return options.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== undefined);
}

function choicesOf({ registeredArguments, commands }: Command): string[] {
  return [...registeredArguments.flatMap(({ argChoices }) => argChoices ?? []), ...commands.map((one) => one.name())];
}

function bash(program: Command): string {
  const names = program.commands.map((command) => command.name());
  const cases = program.commands.map((command) => {
    const words = [...flagsOf(command), '--help', ...choicesOf(command)].join(' ');
    return `    ${command.name()}) words="${words}" ;;`;
  });
  const listed = Object.entries(LISTED).map(
    ([flag, what]) => `    ${flag}) words="$(latentmesh list ${what} 2>/dev/null | sed 's/ /\\\\ /g')"; IFS=$'\\n' ;;`,
  );
  const chosen = program.commands
    .flatMap((command) => command.options.filter(hasChoices))
    .map((option) => `    ${option.long}) words="${option.argChoices!.join(' ')}" ;;`);
  return `# latentmesh completion: source it, or put it where your shell looks for completions.
_latentmesh() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words="" IFS=$' \\t\\n'
  COMPREPLY=()
  case "$before" in
${[...listed, ...new Set(chosen)].join('\n')}
    ${[...FILES].join('|')}|-o) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  if [ -z "$words" ]; then
    case "\${COMP_WORDS[1]}" in
${cases.map((line) => `  ${line}`).join('\n')}
    esac
    [ "$COMP_CWORD" -eq 1 ] && words="${names.join(' ')} --help --version"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _latentmesh latentmesh
`;
}

function hasChoices({ argChoices }: Option): boolean {
  return argChoices !== undefined;
}

function fish(program: Command): string {
  const lines = program.commands.flatMap((command) => [
    `complete -c latentmesh -f -n __fish_use_subcommand -a ${command.name()} -d ${quoted(command.description())}`,
    ...command.options.map((option) => fishOption(command, option)),
    ...choicesOf(command).map(
      (choice) => `complete -c latentmesh -f -n '__fish_seen_subcommand_from ${command.name()}' -a ${choice}`,
    ),
  ]);
  return `# latentmesh completion: put it into ~/.config/fish/completions/latentmesh.fish\n${lines.join('\n')}\n`;
}

function fishOption(command: Command, { short, long, description, argChoices, required }: Option): string {
  const listed = LISTED[long ?? ''];
  const values = argChoices?.join(' ') ?? (listed && `(latentmesh list ${listed} 2>/dev/null)`);
  return [
    `complete -c latentmesh -n '__fish_seen_subcommand_from ${command.name()}'`,
    long && `-l ${long.slice(2)}`,
    short && `-s ${short.slice(1)}`,
    required && '-r',
    values && `-f -a ${quoted(values)}`,
    `-d ${quoted(description)}`,
  ]
    .filter(Boolean)
    .join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}
