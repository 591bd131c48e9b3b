'use strict';

// What the command line says: NAME=value arguments in any case, else environment variables, else a configuration file,
// read into a configuration. Prints nothing and starts nothing.

const { parseArgs } = require('node:util');

const { readConfigFile } = require('./config-file.js');
const { COMPLETION_HELP, readCompletion } = require('./completion.js');
const { readLook, LOOKS, LOOK_HELP } = require('./look.js');
const { nearest } = require('../config/nearest.js');
const { CLUSTER_OPTIONS, OPTIONS, SSL_OPTIONS } = require('../config/options.js');
const { flag } = require('../config/kinds.js');
const { UsageError } = require('./usage-error.js');

/** Switches TLS on, as in the original: without it, the certificate's variables are not looked at. */
const SSL_SWITCH = {
  name: 'ssl',
  variable: 'SSL',
  kind: flag(),
  default: false,
  help: 'Serve TLS; needs KEY_PATH and CERT_PATH, or PFX_PATH.',
};

/** All variables, in the order of the help text. */
const VARIABLES = [
  ...OPTIONS.filter((option) => !option.isCodeOnly).map(withVariable),
  SSL_SWITCH,
  ...SSL_OPTIONS.map((option) => ({ ...withVariable(option), isSsl: true })),
  ...CLUSTER_OPTIONS.map(clusterVariable),
];

/** Makes the server one of several hubs: without it, the other variables of a cluster are not looked at. */
const CLUSTER_SWITCH = 'cluster.engine';

/** The argument that names a configuration file: `--config file.json`, or `--config=file.json`. */
const CONFIG = 'config';

/** What the parser is told: each variable takes a value, and so does the name of a file. */
const PARSED = Object.fromEntries(
  [...VARIABLES.map(({ name }) => name), CONFIG].map((name) => [name, { type: 'string' }]),
);

/** Systems, as Node.js names them, on which no port can be kept. */
const NO_KEEPER = new Set(['win32']);

/**
 * @typedef {object} Run
 * @property {'run'} kind
 * @property {object} config
 * @property {string[]} notes What was ignored, and why.
 *
 * @typedef {{ kind: 'help' } | { kind: 'version' } | { kind: 'completion', shell: string } | import('./look.js').Look | Run} Command
 */

/**
 * Reads the command line.
 * @param {string[]} args Without the names of node and the script.
 * @param {Record<string, string | undefined>} environment
 * @param {string} [platform] The system, as Node.js names it.
 * @returns {Command}
 * @throws {UsageError} In one line that says which argument, variable or key of a file is wrong, and how.
 */
function readCommandLine(args, environment, platform = process.platform) {
  if (args.some((arg) => arg === '--help' || arg === '-h')) {
    return { kind: 'help' };
  }
  if (args.some((arg) => arg === '--version' || arg === '-v')) {
    return { kind: 'version' };
  }
  if (LOOKS.includes(args[0])) {
    return readLook(args, environment);
  }
  if (args[0] === 'completion') {
    return readCompletion(args);
  }
  return readRun(args, environment, platform);
}

/** @returns {Run} */
function readRun(args, environment, platform) {
  const { [CONFIG]: path, ...given } = readArguments(args);
  const sources = { given: new Map(Object.entries(given)), environment, file: new Map() };
  const notes = [];
  if (path !== undefined) {
    const { values, doubts } = readFile(path);
    sources.file = values;
    notes.push(...doubts);
  }
  const values = new Map(VARIABLES.map((variable) => [variable.name, valueFor(variable, sources)]));
  if ((values.get('port') === 0 || NO_KEEPER.has(platform)) && !isGiven('keepPort', sources)) {
    // Who has not asked for it is not warned that it cannot be.
    values.delete('keepPort');
  }
  return { kind: 'run', config: toConfig(values), notes: [...notes, ...ignoredOf(sources.given, values)] };
}

/** The options of a file by name: those of `ssl` and `cluster` as the variables are, beside the others. */
function readFile(path) {
  const { options, doubts } = readConfigFile(path);
  const { ssl, cluster = {}, ...values } = options;
  const ofCluster = Object.entries(cluster).map(([name, value]) => [`cluster.${name}`, value]);
  const all = { ...values, ...ssl, ...(ssl && { ssl: true }), ...Object.fromEntries(ofCluster) };
  return { values: new Map(Object.entries(all)), doubts };
}

/** The text of each variable that an argument names, by the variable's name. */
function readArguments(args) {
  const { values, positionals } = parseArgs({
    args: args.map(canonicalArg),
    options: PARSED,
    allowPositionals: true,
    strict: false,
  });
  if (positionals.length > 0) {
    throw new UsageError(unknown(positionals[0], positionals[0]));
  }
  const lacking = Object.keys(values).find((name) => values[name] === true);
  if (lacking !== undefined) {
    throw new UsageError(
      lacking === CONFIG
        ? '--config needs the name of a file: --config file.json'
        : `argument ${variableOf(lacking)} needs a value: ${variableOf(lacking)}=…`,
    );
  }
  return values;
}

function variableOf(name) {
  return VARIABLES.find((variable) => variable.name === name).variable;
}

/** `PORT=1`, `--port=1` and `--port` as the parser knows them; all else is left as it is. */
function canonicalArg(arg) {
  const [, dashes, name, rest] = arg.match(/^(--?)?([^=]*)(=.*)?$/s);
  if (!dashes && rest === undefined) {
    return arg;
  }
  const meant = Object.keys(PARSED).find((known) => fold(known === CONFIG ? known : variableOf(known)) === fold(name));
  if (meant === undefined || (meant === CONFIG && !dashes)) {
    throw new UsageError(unknown(arg, `${dashes ?? ''}${name}`));
  }
  return `--${meant}${rest ?? ''}`;
}

/** Case, and how words are divided, make no difference: MAX_PAYLOAD, maxPayload, --max-payload. */
function fold(name) {
  return name.replace(/[-_]/g, '').toUpperCase();
}

function unknown(arg, name) {
  const hasValue = arg.includes('=');
  const variable = nearest(
    name,
    VARIABLES.map(({ variable: known }) => known),
  );
  const command = hasValue ? undefined : nearest(name, [...LOOKS, 'completion']);
  const meant = command ?? (variable && `${variable}=…`);
  // What follows the equals sign may be a secret.
  const shown = hasValue ? `${name}=…` : name;
  return `unknown argument "${shown}"${meant ? `: did you mean ${meant}?` : '; --help lists all'}`;
}

function isGiven(name, { given, environment, file }) {
  const { variable } = VARIABLES.find((candidate) => candidate.name === name);
  return given.has(name) || Boolean(environment[variable]) || file.has(name);
}

/**
 * A variable's value: of the argument, else of the environment, else of the file, else the default of the command line.
 */
function valueFor(variable, { given, environment, file }) {
  const isArgument = given.has(variable.name);
  const text = isArgument ? given.get(variable.name) : environment[variable.variable];
  if (text === undefined || isAbsence(variable, text)) {
    return file.get(variable.name) ?? variable.commandLineDefault;
  }
  const value = variable.kind.read(text);
  if (value === undefined || !variable.kind.accepts(value)) {
    throw new UsageError(badValue(variable, text, isArgument));
  }
  return value;
}

/** An empty value is none, and so is a maximum of 0, which the original took for its default. */
function isAbsence(variable, text) {
  return text === '' || (variable.name === 'maxPayload' && text === '0');
}

function badValue(variable, text, isArgument) {
  const where = isArgument ? 'argument' : 'environment variable';
  const shown = variable.secret ? '' : `, but is ${JSON.stringify(text)}`;
  return `${where} ${variable.variable} must be ${howToWrite(variable.kind)}${shown}`;
}

function toConfig(values) {
  const config = {};
  for (const { name } of OPTIONS) {
    if (values.get(name) !== undefined) {
      config[name] = values.get(name);
    }
  }
  if (values.get('ssl')) {
    config.ssl = Object.fromEntries(SSL_OPTIONS.map(({ name }) => [name, values.get(name)]));
  }
  if (values.get(CLUSTER_SWITCH) !== undefined) {
    config.cluster = Object.fromEntries(CLUSTER_OPTIONS.map(({ name }) => [name, values.get(`cluster.${name}`)]));
  }
  return config;
}

/** Arguments that were given and have no effect. */
function ignoredOf(given, values) {
  const withoutEffect = (kind, what) =>
    VARIABLES.filter((variable) => variable[kind] && given.has(variable.name)).map(
      (variable) => `${variable.variable} is ignored without ${what}`,
    );
  return [
    ...(values.get('ssl') ? [] : withoutEffect('isSsl', 'SSL=1')),
    ...(values.get(CLUSTER_SWITCH) === undefined ? withoutEffect('isCluster', 'CLUSTER=redis://…') : []),
  ];
}

function withVariable(option) {
  return { ...option, variable: option.variable ?? toVariable(option.name) };
}

/** `cluster.secret` is CLUSTER_SECRET. */
function clusterVariable(option) {
  const variable = option.variable ?? toVariable(`cluster_${option.name}`);
  return { ...option, name: `cluster.${option.name}`, variable, isCluster: true };
}

/** `maxPayload` is MAX_PAYLOAD. */
function toVariable(name) {
  return name.replace(/[A-Z]/g, '_$&').toUpperCase();
}

/** The text of `--help`. */
function helpText() {
  const width = Math.max(...VARIABLES.map((variable) => variable.variable.length));
  const lines = VARIABLES.map((variable) => {
    return `  ${variable.variable.padEnd(width)}  ${variable.help}\n  ${' '.repeat(width)}  ${describe(variable)}`;
  });
  return `Usage: acebase-ipc-server [--config file.json] [NAME=value ...]
       acebase-ipc-server status|top|trace|kick|handover|doctor [url|port] [token=...] [db=...]
                          [client=...] [to=...] [--max-wait=5s] [--json] [--insecure]

Runs an IPC server for AceBase clusters until SIGINT, SIGTERM or SIGHUP, or shows how a running one is.

Running a server

Each NAME may also be an environment variable, and a key of the configuration file, there written as in JavaScript (maxPayload).
Arguments win over the environment, and both over the file. As arguments, names may be written in any case.

On such a signal the server leaves its port and its connections to the next one, which clients do not notice. If none comes
within a minute, the connections are closed and the port is free. On Windows and with KEEP_PORT=0 connections are closed at
once, and the port is free. Ctrl+Break stops it as well, and a process manager's message "shutdown" (pm2's
--shutdown-with-message), the only way that such a manager has on Windows.

${lines.join('\n')}

${LOOK_HELP}
${COMPLETION_HELP}
  --help     Show this text.
  --version  Show the version.
`;
}

function describe(variable) {
  const value = variable.commandLineDefault ?? variable.absent ?? variable.default;
  const isNone = value === undefined || value.length === 0;
  return `${howToWrite(variable.kind)}; default: ${isNone ? 'none' : String(value).replaceAll('`', '')}`;
}

function howToWrite(kind) {
  return kind.written ?? kind.expected;
}

module.exports = { readCommandLine, helpText, VARIABLES };
