'use strict';

// What the command line says: NAME=value arguments in any case, else environment variables, else a configuration file,
// read into a configuration. Prints nothing and starts nothing.

const { readConfigFile } = require('./config-file.js');
const { readLook, LOOKS, LOOK_HELP } = require('./look.js');
const { nearest } = require('../config/nearest.js');
const { OPTIONS, SSL_OPTIONS } = require('../config/options.js');
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
];

/** The argument that names a configuration file: `--config file.json`, or `--config=file.json`. */
const CONFIG = '--config';

/**
 * @typedef {object} Run
 * @property {'run'} kind
 * @property {object} config
 * @property {string[]} notes What was ignored, and why.
 *
 * @typedef {{ kind: 'help' } | { kind: 'version' } | import('./look.js').Look | Run} Command
 */

/**
 * Reads the command line.
 * @param {string[]} args Without the names of node and the script.
 * @param {Record<string, string | undefined>} environment
 * @returns {Command}
 * @throws {UsageError} In one line that says which argument, variable or key of a file is wrong, and how.
 */
function readCommandLine(args, environment) {
  if (args.some((arg) => arg === '--help' || arg === '-h')) {
    return { kind: 'help' };
  }
  if (args.some((arg) => arg === '--version' || arg === '-v')) {
    return { kind: 'version' };
  }
  if (LOOKS.includes(args[0])) {
    return readLook(args, environment);
  }
  return readRun(args, environment);
}

/** @returns {Run} */
function readRun(args, environment) {
  const { rest, path } = takeConfigPath(args);
  const sources = { given: readArguments(rest), environment, file: new Map() };
  const notes = [];
  if (path !== undefined) {
    const { values, doubts } = readFile(path);
    sources.file = values;
    notes.push(...doubts);
  }
  const values = new Map(VARIABLES.map((variable) => [variable.name, valueFor(variable, sources)]));
  if (values.get('port') === 0 && !isGiven('keepPort', sources)) {
    values.delete('keepPort');
  }
  return { kind: 'run', config: toConfig(values), notes: [...notes, ...ignoredOf(sources.given, values)] };
}

/** Takes the name of the configuration file out of the arguments. */
function takeConfigPath(args) {
  const at = args.findIndex((arg) => arg === CONFIG || arg.startsWith(`${CONFIG}=`));
  if (at < 0) {
    return { rest: args };
  }
  const isOne = args[at] !== CONFIG;
  const path = isOne ? args[at].slice(CONFIG.length + 1) : args[at + 1];
  if (!path) {
    throw new UsageError(`${CONFIG} needs the name of a file: ${CONFIG} file.json`);
  }
  return { path, rest: [...args.slice(0, at), ...args.slice(at + (isOne ? 1 : 2))] };
}

/** The options of a file by name: those of `ssl` as the variables are, beside the others. */
function readFile(path) {
  const { options, doubts } = readConfigFile(path);
  const { ssl, ...values } = options;
  const all = { ...values, ...ssl, ...(ssl && { ssl: true }) };
  return { values: new Map(Object.entries(all)), doubts };
}

/** The text of each variable that an argument names. */
function readArguments(args) {
  const given = new Map();
  for (const arg of args) {
    const split = arg.indexOf('=');
    const name = split < 0 ? arg : arg.slice(0, split);
    const variable = VARIABLES.find((candidate) => fold(candidate.variable) === fold(name));
    if (split < 0 || !variable) {
      throw new UsageError(unknown(arg, name));
    }
    given.set(variable.name, arg.slice(split + 1));
  }
  return given;
}

/** Case, and how words are divided, make no difference: MAX_PAYLOAD, maxPayload, --max-payload. */
function fold(name) {
  return name.replace(/[-_]/g, '').toUpperCase();
}

function unknown(arg, name) {
  const meant = nearest(
    name,
    VARIABLES.map((variable) => variable.variable),
  );
  // What follows the equals sign may be a secret.
  const shown = arg.includes('=') ? `${name}=…` : name;
  return `unknown argument "${shown}"${meant ? `: did you mean ${meant}=…?` : '; --help lists all'}`;
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
  return config;
}

/** Arguments that were given and have no effect. */
function ignoredOf(given, values) {
  if (values.get('ssl')) {
    return [];
  }
  return VARIABLES.filter((variable) => variable.isSsl && given.has(variable.name)).map(
    (variable) => `${variable.variable} is ignored without SSL=1`,
  );
}

function withVariable(option) {
  return { ...option, variable: option.variable ?? toVariable(option.name) };
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
       acebase-ipc-server status|top [url] [token=...] [db=...] [--json] [--insecure]

Runs an IPC server for AceBase clusters until SIGINT or SIGTERM, or shows how a running one is.

Running a server

Each NAME may also be an environment variable, and a key of the configuration file, there written as in JavaScript (maxPayload).
Arguments win over the environment, and both over the file. As arguments, names may be written in any case.

On SIGINT or SIGTERM the server leaves its port and its connections to the next one, which clients do not notice. If none comes
within a minute, the connections are closed and the port is free. Over TLS, on Windows and with KEEP_PORT=0 connections are
closed at once; with KEEP_PORT=0 the port is free then, too.

${lines.join('\n')}

${LOOK_HELP}
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
