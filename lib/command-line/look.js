'use strict';

// What the commands that look at a running server are told: which server, which database, and how. Pure.

const { parseArgs } = require('node:util');

const { nearest } = require('../config/nearest.js');
const { OPTIONS } = require('../config/options.js');
const { UsageError } = require('./usage-error.js');

const DEFAULT_PORT = OPTIONS.find((option) => option.name === 'port').default;
const DEFAULT_URL = `http://localhost:${DEFAULT_PORT}`;

/** The commands, and what each takes beside the address of the server. */
const COMMANDS = {
  status: ['db', 'token', 'maxWait', 'json', 'insecure'],
  top: ['db', 'token', 'insecure'],
  trace: ['db', 'client', 'token', 'json', 'insecure'],
  kick: ['db', 'client', 'token', 'insecure'],
  handover: ['db', 'to', 'token', 'json', 'insecure'],
  doctor: ['db', 'token', 'insecure'],
};

/** What a command must be told. */
const NEEDED = { trace: ['db'], kick: ['db', 'client'], handover: ['db'] };

/** What takes a value, and what is on or off. */
const SETTINGS = ['host', 'port', 'db', 'client', 'to', 'token', 'maxWait'];
const SWITCHES = ['json', 'insecure'];

/** How else a client may be named. */
const ALIASES = { id: 'client', url: undefined };

const LOOK_HELP = `Looking at a running server

  acebase-ipc-server status   Prints what is wrong, and its databases, clients, rates and locks, once.
  acebase-ipc-server top      Shows the same anew each second; q ends it.
  acebase-ipc-server trace    Prints the messages of a database, or of one client, as they are carried; Ctrl-C ends it.
  acebase-ipc-server kick     Closes the connection of one client, whose session ends.
  acebase-ipc-server handover Has a database go from this hub of several to another one, with all sessions.
  acebase-ipc-server doctor   Checks a set-up on this machine: port, TLS, token, packages, masters, files, clock.

  url, port      Where it is: a URL, host:port, a port, port=..., host=...; default: ${DEFAULT_URL}
  token=...      Its token, or the token of the database; also from the environment variable TOKEN.
  db=...         Look at one database, which then must have a master: mydb_data, or AceBase's own name for it.
  client=...     One client, by its id.
  to=...         The hub that is to have the database, by its name; default: one that answers.
  --max-wait=5s  How long a lock may be held or waited for until that is not well; default: the server's slowLock.
  --json         Print JSON.
  --insecure     Take any certificate. Better: NODE_EXTRA_CA_CERTS=ca.pem

  status ends with 0: all is well; 1: no answer, or not allowed; 2: there is trouble (a note is none).
`;

/**
 * @typedef {object} Look
 * @property {keyof typeof COMMANDS} kind
 * @property {URL} url
 * @property {boolean} isSchemeGiven Else the server may speak TLS or not.
 * @property {string} [token]
 * @property {string} [db]
 * @property {string} [client]
 * @property {string} [to]
 * @property {number} [maxWait] In milliseconds.
 * @property {boolean} json
 * @property {boolean} insecure
 */

/**
 * Reads the arguments of a look.
 * @param {string[]} args The first is the command.
 * @param {Record<string, string | undefined>} environment
 * @returns {Look}
 * @throws {UsageError}
 */
function readLook([kind, ...args], environment) {
  const { values, positionals } = parse(kind, args);
  const { db, client, to, json = false, insecure = false } = values;
  for (const name of NEEDED[kind] ?? []) {
    if (!values[name]) {
      throw new UsageError(`${kind} must be told ${name}=…`);
    }
  }
  const token = values.token || environment.TOKEN || undefined;
  const maxWait = values.maxWait === undefined ? undefined : toMilliseconds(values.maxWait);
  return {
    kind,
    ...toAddress(values, positionals),
    token,
    db: db || undefined,
    client,
    to: to || undefined,
    maxWait,
    json,
    insecure,
  };
}

function parse(kind, args) {
  const options = Object.fromEntries(['host', 'port', ...COMMANDS[kind]].map((name) => [name, { type: typeOf(name) }]));
  const canonical = args.map((arg) => canonicalArg(kind, arg, Object.keys(options)));
  const { values, positionals } = parseArgs({ args: canonical, options, allowPositionals: true, strict: false });
  for (const [name, { type }] of Object.entries(options)) {
    if (type === 'string' && values[name] === true) {
      throw new UsageError(`${name} of ${kind} needs a value: ${name}=…`);
    }
  }
  if (positionals.length > 1) {
    throw new UsageError(unknown(kind, positionals[1], Object.keys(options)));
  }
  return { values, positionals };
}

/** `PORT=1`, `--port=1` and `--max-wait` as the parser knows them. */
function canonicalArg(kind, arg, known) {
  const [, dashes, name, rest] = arg.match(/^(--?)?([a-z][\w-]*)(=.*)?$/is) ?? [];
  const isSetting = name !== undefined && (dashes || rest !== undefined);
  if (!isSetting) {
    return arg;
  }
  const meant = known.find((candidate) => fold(candidate) === fold(ALIASES[fold(name).toLowerCase()] ?? name));
  if (meant === undefined) {
    throw new UsageError(unknown(kind, `${dashes ?? ''}${name}${rest === undefined ? '' : '=…'}`, known));
  }
  return `--${meant}${rest ?? ''}`;
}

function typeOf(name) {
  return SWITCHES.includes(name) ? 'boolean' : 'string';
}

function fold(name) {
  return name.replace(/[-_]/g, '').toUpperCase();
}

function unknown(kind, shown, known) {
  const names = known.map((name) => (SWITCHES.includes(name) ? `--${name}` : `${name}=…`));
  const meant = nearest(shown, names);
  return `unknown argument "${shown}" of ${kind}${meant ? `: did you mean ${meant}?` : '; --help lists all'}`;
}

/** @returns {{ url: URL, isSchemeGiven: boolean }} */
function toAddress({ host, port }, [text]) {
  if (text === undefined) {
    return { url: toUrl(`${host ?? 'localhost'}:${port ?? DEFAULT_PORT}`), isSchemeGiven: false };
  }
  if (host !== undefined || port !== undefined) {
    throw new UsageError(`the server is named twice: by "${text}", and by host or port`);
  }
  const isPort = /^\d+$/.test(text);
  return { url: toUrl(isPort ? `localhost:${text}` : text), isSchemeGiven: text.includes('://') };
}

function toUrl(text) {
  try {
    const url = new URL(text.includes('://') ? text : `http://${text}`);
    if (['http:', 'https:'].includes(url.protocol)) {
      return url;
    }
  } catch {
    // Said below.
  }
  throw new UsageError(`"${text}" is not the address of a server, such as ${DEFAULT_URL}`);
}

const UNITS = { ms: 1, s: 1000, min: 60_000, m: 60_000 };

/** `5s`, `500ms`, `2min`; without a unit it is seconds. */
function toMilliseconds(text) {
  const [, amount, unit = 's'] = text.match(/^(\d+(?:\.\d+)?)\s*(ms|s|min|m)?$/) ?? [];
  if (amount === undefined) {
    throw new UsageError(`maxWait must be a time such as 5s or 500ms, but is "${text}"`);
  }
  return Math.round(Number(amount) * UNITS[unit]);
}

module.exports = { readLook, LOOKS: Object.keys(COMMANDS), LOOK_HELP, SETTINGS, SWITCHES };
