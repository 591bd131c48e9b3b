'use strict';

// What `acebase-ipc-server status` and `… top` are told: which server to look at, and how. Pure.

const { nearest } = require('../config/nearest.js');
const { OPTIONS } = require('../config/options.js');
const { UsageError } = require('./usage-error.js');

const LOOKS = ['status', 'top'];

const DEFAULT_URL = `http://localhost:${OPTIONS.find((option) => option.name === 'port').default}`;

/** What takes a value, and what is on or off. */
const SETTINGS = ['token', 'db'];
const SWITCHES = ['json', 'insecure'];

const LOOK_HELP = `Looking at a running server

  acebase-ipc-server status   Prints its databases, clients, rates and locks once.
  acebase-ipc-server top      Shows the same anew each second; q ends it.

  url         Where it is; default: ${DEFAULT_URL}
  token=...   Its token, or the token of the database; also from the environment variable TOKEN.
  db=...      Look at one database, which then must have a master.
  --json      Print the figures as JSON (status only).
  --insecure  Take any certificate. Better: NODE_EXTRA_CA_CERTS=ca.pem

  status ends with 0: all is well; 1: no answer, or not allowed; 2: the server is stopping, or a database has no master.
`;

/**
 * @typedef {object} Look
 * @property {'status' | 'top'} kind
 * @property {URL} url
 * @property {string} [token]
 * @property {string} [db]
 * @property {boolean} json
 * @property {boolean} insecure
 */

/**
 * Reads the arguments of a look.
 * @param {string[]} args The first is the look.
 * @param {Record<string, string | undefined>} environment
 * @returns {Look}
 * @throws {UsageError}
 */
function readLook([kind, ...args], environment) {
  const look = {
    kind,
    url: undefined,
    token: environment.TOKEN || undefined,
    db: undefined,
    json: false,
    insecure: false,
  };
  for (const arg of args) {
    const [, name, value] = arg.match(/^(?:--)?(\w+)=(.*)$/s) ?? [];
    const setting = SETTINGS.find((known) => known === name?.toLowerCase());
    const flag = SWITCHES.find((known) => arg === `--${known}`);
    if (setting) {
      look[setting] = value || undefined;
    } else if (flag) {
      look[flag] = true;
    } else if (name !== undefined || arg.startsWith('-') || look.url) {
      throw new UsageError(unknown(kind, arg, name));
    } else {
      look.url = toUrl(arg);
    }
  }
  return { ...look, url: look.url ?? new URL(DEFAULT_URL) };
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

/** What follows the equals sign may be a secret. */
function unknown(kind, arg, name) {
  const known = [...SETTINGS.map((setting) => `${setting}=…`), ...SWITCHES.map((flag) => `--${flag}`)];
  const meant = nearest(name === undefined ? arg : `${name}=…`, known);
  const shown = name === undefined ? arg : `${name}=…`;
  return `unknown argument "${shown}" of ${kind}${meant ? `: did you mean ${meant}?` : '; --help lists all'}`;
}

module.exports = { readLook, LOOKS, LOOK_HELP };
