'use strict';

// `acebase-ipc-server completion bash|zsh|fish`: the script by which a shell completes the command's arguments, made
// from the tables that the command line is read by. Pure.

const { LOOKS, SETTINGS, SWITCHES } = require('./look.js');
const { UsageError } = require('./usage-error.js');

const SHELLS = ['bash', 'zsh', 'fish'];

const COMPLETION_HELP = `Completing arguments

  acebase-ipc-server completion bash|zsh|fish   Prints a script for the shell: source <(acebase-ipc-server completion bash)
`;

/** What is completed where no server is looked at. */
const OTHERS = ['completion', '--config', '--help', '--version'];

/**
 * Reads the arguments of `completion`.
 * @param {string[]} args The first is the word itself.
 * @returns {{ kind: 'completion', shell: string }}
 * @throws {UsageError}
 */
function readCompletion([, shell, ...rest]) {
  if (!SHELLS.includes(shell) || rest.length > 0) {
    throw new UsageError(`completion needs the name of a shell: ${SHELLS.join(', ')}`);
  }
  return { kind: 'completion', shell };
}

/**
 * The script for a shell.
 * @param {string} shell One of `SHELLS`.
 * @param {{ name: string, help: string, kind: import('../config/kinds.js').Kind }[]} variables All that an argument can
 *   name.
 */
function completionScript(shell, variables) {
  return shell === 'fish' ? fish(variables) : bash(shell, variables);
}

/** zsh takes the script of bash. */
function bash(shell, variables) {
  const names = variables.map(({ name }) => `${name}=`);
  const values = variables
    .filter((variable) => valuesOf(variable).length > 0)
    .map((variable) => `    ${variable.name}) words='${valuesOf(variable).join(' ')}' ;;`);
  const paths = variables.filter(isPath).map(({ name }) => name);
  const looking = [...SETTINGS.map((name) => `${name}=`), ...SWITCHES.map((name) => `--${name}`)];
  return `${shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}_acebase_ipc_server() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" name='' prefix='' words='' word
  # bash takes NAME=value for three words, zsh for one.
  case "$before,$current" in
    *,=) name="$before" current='' ;;
    =,*) name="\${COMP_WORDS[COMP_CWORD-2]}" ;;
    *,*=*) name="\${current%%=*}" prefix="\${current%%=*}=" current="\${current#*=}" ;;
  esac
  COMPREPLY=()
  case "$name" in
    '') case "\${COMP_WORDS[1]},$before" in
          *,--config) COMPREPLY=($(compgen -f -- "$current")); return ;;
          completion,completion) words='${SHELLS.join(' ')}' ;;
          completion,*) return ;;
          ${LOOKS.map((look) => `${look},*`).join('|')}) [ "$COMP_CWORD" -gt 1 ] && words='${looking.join(' ')}' ;;
        esac
        if [ -z "$words" ]; then
          words='${names.join(' ')} --config'
          [ "$COMP_CWORD" -eq 1 ] && words="${[...LOOKS, ...OTHERS].join(' ')} $words"
        fi ;;
    ${paths.join('|')}) COMPREPLY=($(compgen -P "$prefix" -f -- "$current")); return ;;
${values.join('\n')}
  esac
  for word in $(compgen -W "$words" -- "$current"); do
    # After NAME= comes its value, after all else the next argument.
    case "$word" in *=) COMPREPLY+=("$prefix$word") ;; *) COMPREPLY+=("$prefix$word ") ;; esac
  done
}
complete -o nospace -F _acebase_ipc_server acebase-ipc-server
`;
}

function fish(variables) {
  const looking = '__fish_seen_subcommand_from';
  const isFirst = 'test (count (commandline -opc)) -eq 1';
  const none = `not ${looking} ${[...LOOKS, 'completion'].join(' ')}`;
  return `${[
    line(isFirst, [...LOOKS, 'completion'].join(' '), ''),
    line(`${looking} completion`, SHELLS.join(' '), ''),
    ...SETTINGS.map((name) => line(`${looking} ${LOOKS.join(' ')}`, `${name}=`, '')),
    ...SWITCHES.map((name) => `complete -c acebase-ipc-server -n '${looking} ${LOOKS.join(' ')}' -l ${name}`),
    "complete -c acebase-ipc-server -f -l help -d 'Show the help'",
    "complete -c acebase-ipc-server -f -l version -d 'Show the version'",
    "complete -c acebase-ipc-server -r -l config -d 'A configuration file'",
    ...variables.map((variable) => line(none, wordsOf(variable), variable.help)),
  ].join('\n')}\n`;
}

/** fish shows all that an argument can be. */
function wordsOf(variable) {
  return [`${variable.name}=`, ...valuesOf(variable).map((value) => `${variable.name}=${value}`)].join(' ');
}

function line(condition, words, help) {
  const description = help && ` -d ${quoted(help)}`;
  return `complete -c acebase-ipc-server -f -n '${condition}' -a ${quoted(words)}${description}`;
}

/** A text as fish reads it in quotes. */
function quoted(text) {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

/** The words that a value can be, if it is one of a few. */
function valuesOf({ kind }) {
  return kind.schema.type === 'boolean' ? ['1', '0'] : (kind.schema.enum ?? []);
}

function isPath({ name }) {
  return name.endsWith('Path');
}

module.exports = { COMPLETION_HELP, completionScript, readCompletion };
