'use strict';

// Turns what the user configured into what the addon takes, or says precisely what is wrong with it. Pure: no files, no
// network, no addon.

const { connectedName, connectedToken, isNamePosted, isTokenPosted } = require('./as-sent.js');
const { CLUSTER_OPTIONS, GROUPS, LOG_OPTIONS, OPTIONS } = require('./options.js');
const { nearest } = require('./nearest.js');

/** Halves of characters, as JSON writes them, and its other escapes. */
const ESCAPES = /\\(?:u(d[89a-f])..|.)/g;

/** How the names of AceBase's databases end here: its storages are of type `data` unless they say otherwise. */
const STORAGE_TYPE = /_(data|transaction|auth)$/;

/** How often a lease must be renewed before it is over: one answer may be lost, and one be late. */
const MIN_RENEWALS = 3;

/** The longest value that an error repeats, in characters. */
const MAX_SHOWN = 60;

/**
 * What is odd about a configuration, though it is taken.
 * @typedef {{ code: string, message: string }} Doubt
 */

/**
 * Reads a configuration object.
 * @param {unknown} config
 * @returns {{ options: Record<string, unknown>, doubts: Doubt[] }} `options`: those that were given, `ssl` and
 *   `cluster` among them.
 * @throws {TypeError} That names the option, what it must be, and what it was (secrets are not shown).
 */
function readConfig(config) {
  const { options, doubts } = readValues(config);
  if (options.ssl) {
    checkSsl(options.ssl);
  }
  if (options.cluster) {
    checkCluster(options.cluster);
  }
  if (options.keepPort && options.port === 0) {
    throw new TypeError('AceBaseIPCServer: option "keepPort" needs a fixed port, but option "port" is 0');
  }
  return { options, doubts: [...doubts, ...doubtTokens(options), ...doubtDatabases(options)] };
}

/**
 * Options as the addon takes them: JSON, under the same names (src/server/config.rs). Those of the log are not its.
 * @param {Record<string, unknown>} options
 */
function toAddon(options) {
  const its = Object.entries(options).filter(([name]) => !LOG_OPTIONS.includes(name));
  // A half of a character can be in no text of the addon: there, and to clients, it is U+FFFD.
  return JSON.stringify(Object.fromEntries(its)).replace(ESCAPES, (written, half) => (half ? '\\ufffd' : written));
}

/**
 * Reads each option for itself: what must go together may come from elsewhere.
 * @param {unknown} config
 * @returns {{ options: Record<string, unknown>, doubts: Doubt[] }}
 * @throws {TypeError} As {@link readConfig}; where it is about one option, `option` is its name and `problem` what is
 *   wrong.
 */
function readValues(config) {
  if (!isPlainObject(config)) {
    throw invalid('', 'an object', config);
  }
  const names = GROUPS.map(({ group }) => group.name);
  const { values, doubts } = readOptions(config, OPTIONS, '', names);
  for (const group of GROUPS.filter(({ group: { name } }) => config[name] !== undefined)) {
    const read = readGroup(config[group.group.name], group);
    values[group.group.name] = read.values;
    doubts.push(...read.doubts);
  }
  return { options: values, doubts };
}

function readGroup(config, { group, options, expected }) {
  if (!isPlainObject(config)) {
    throw invalid(group.name, expected, config);
  }
  return readOptions(config, options, `${group.name}.`);
}

/** The `ssl` object must name one source of a certificate. */
function checkSsl(values) {
  const hasPem = values.certPath !== undefined || values.keyPath !== undefined;
  if (hasPem && values.pfxPath !== undefined) {
    throw new TypeError('AceBaseIPCServer: option "ssl" must have certPath and keyPath, or pfxPath, but not both');
  }
  const missing = missingPart(values, hasPem);
  if (missing) {
    throw new TypeError(
      `AceBaseIPCServer: option "ssl.${missing}" is missing: ssl needs certPath and keyPath, or pfxPath`,
    );
  }
}

/** The `cluster` object must say all that other hubs must know, and leave time for renewals. */
function checkCluster(values) {
  const missing = CLUSTER_OPTIONS.find(({ name, isRequired }) => isRequired && values[name] === undefined);
  if (missing) {
    const { name, kind, help } = missing;
    throw new TypeError(`AceBaseIPCServer: option "cluster.${name}" is missing. ${help} Write ${kind.expected}`);
  }
  const of = (wanted) => values[wanted] ?? CLUSTER_OPTIONS.find(({ name }) => name === wanted).default;
  const [leaseTime, renewEvery] = [of('leaseTime'), of('renewEvery')];
  if (leaseTime < MIN_RENEWALS * renewEvery) {
    throw new TypeError(
      `AceBaseIPCServer: option "cluster.leaseTime" must be at least ${MIN_RENEWALS} times cluster.renewEvery, but is ${leaseTime} with ${renewEvery}`,
    );
  }
}

function missingPart(ssl, hasPem) {
  if (ssl.pfxPath !== undefined) {
    return undefined;
  }
  if (!hasPem) {
    return 'certPath';
  }
  return ['certPath', 'keyPath'].find((name) => ssl[name] === undefined);
}

/** Reads the options of one object: the given ones that `table` knows, and doubts about them and the others. */
function readOptions(config, table, prefix, alsoKnown = []) {
  const values = {};
  const doubts = [];
  for (const option of table) {
    const value = config[option.name];
    // An option that is present but undefined is absent: scripts pass on variables that may not be set.
    if (value === undefined) {
      continue;
    }
    if (!option.kind.accepts(value)) {
      throw invalid(`${prefix}${option.name}`, option.kind.expected, value, option.secret, option.kind.fault?.(value));
    }
    values[option.name] = value;
    const doubt = option.kind.doubt?.(value);
    if (doubt) {
      doubts.push({ code: 'odd-value', message: `option "${prefix}${option.name}" ${doubt}` });
    }
  }
  const known = [...table.map((option) => option.name), ...alsoKnown];
  doubts.push(...unknownNames(config, known).map((name) => doubtName(name, known, prefix)));
  return { values, doubts };
}

function unknownNames(config, known) {
  return Object.keys(config).filter((name) => !known.includes(name) && config[name] !== undefined);
}

function doubtName(name, known, prefix) {
  const meant = nearest(name, known);
  const advice = meant ? `: did you mean "${prefix}${meant}"?` : '';
  return {
    code: 'unknown-option',
    message: `option "${prefix}${name}" is not known and was ignored${advice}`,
  };
}

function doubtTokens(options) {
  const { token, tokens = [], databaseTokens = {} } = options;
  const given = [
    ...(token === undefined ? [] : [['token', token]]),
    ...tokens.map((item) => ['tokens', item]),
    ...Object.values(databaseTokens).flatMap((list) => list.map((item) => ['databaseTokens', item])),
  ];
  return given.flatMap(([name, item]) => doubtToken(name, item, mayPost(options)));
}

/**
 * Whether clients are told to POST what is long, also where they cannot: the server tells them not to, unless somebody
 * wants it.
 */
function mayPost({ maxPayload }) {
  return maxPayload !== undefined;
}

/** Clients write the token into a URL as it is, so that not every token arrives. */
function doubtToken(option, token, mayPost) {
  if (token === 'undefined') {
    return [{ code: 'weak-token', message: `option "${option}" is what clients without a token send` }];
  }
  const advice = 'letters, digits, "-" and "_" are safe';
  if (connectedToken(token) !== token) {
    const message = `option "${option}" has characters that published clients do not send unchanged, so that they are refused: ${advice}`;
    return [{ code: 'odd-value', message }];
  }
  if (mayPost && !isTokenPosted(token)) {
    const message = `option "${option}" has characters with which published clients cannot POST, so that what is longer than maxPayload is lost: ${advice}`;
    return [{ code: 'odd-value', message }];
  }
  return [];
}

/** Names under which no client of AceBase comes, or not in every way; and a server that nobody can use. */
function doubtDatabases(options) {
  const { token, tokens, databaseTokens, unlistedDatabases } = options;
  const names = Object.keys(databaseTokens ?? {});
  const doubts = names.flatMap((name) => doubtDatabase(name, mayPost(options)));
  const refusesOthers = unlistedDatabases === 'refuse' || (databaseTokens && !unlistedDatabases && !token && !tokens);
  if (refusesOthers && names.length === 0) {
    const message = 'option "databaseTokens" names no database, and all others are refused: nobody can connect';
    doubts.push({ code: 'odd-value', message });
  }
  return doubts;
}

function doubtDatabase(name, mayPost) {
  const whole = STORAGE_TYPE.test(name) ? name : `${name}_data`;
  const arrived = connectedName(whole);
  const named = `option "databaseTokens" names ${JSON.stringify(name)}`;
  if (arrived === undefined) {
    return [{ code: 'odd-name', message: `${named}, which published clients cannot send` }];
  }
  if (arrived !== name) {
    const right = JSON.stringify(arrived);
    return [{ code: 'odd-name', message: `${named}, but that database of AceBase is ${right} here: write ${right}` }];
  }
  if (mayPost && !isNamePosted(name)) {
    const loss = 'what is longer than maxPayload is lost';
    return [{ code: 'odd-name', message: `${named}, to which published clients cannot POST, so that ${loss}` }];
  }
  return [];
}

/** `option`: its name; empty for the configuration as a whole. */
function invalid(option, expected, value, secret = false, fault = `is ${describe(value, secret)}`) {
  const problem = `must be ${expected}, but ${fault}`;
  const error = new TypeError(`AceBaseIPCServer: ${option ? `option "${option}"` : 'the configuration'} ${problem}`);
  return Object.assign(error, { option, problem });
}

/** A value as an error may show it: short, with its type, and not at all if it is secret. */
function describe(value, secret) {
  const type = value === null ? 'null' : Array.isArray(value) ? 'an array' : nameOfType(typeof value);
  if (secret || value === null || !['string', 'number', 'boolean', 'bigint'].includes(typeof value)) {
    return type;
  }
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return `${type} (${shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown})`;
}

function nameOfType(type) {
  return type === 'undefined' ? 'undefined' : `${type === 'object' ? 'an' : 'a'} ${type}`;
}

function isPlainObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

module.exports = { readConfig, readValues, toAddon };
