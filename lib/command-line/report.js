'use strict';

// Gets the report of a running server, and says what can be said of it: rates between two, and whether all is well.

const http = require('node:http');
const https = require('node:https');

const { printable } = require('../printable.js');

/** How long an answer may take, in milliseconds: a server that is slower than this is not well. */
const PATIENCE = 5000;

/** The longest report that is read, in bytes: 64 MiB. */
const MAX_LENGTH = 64 * 1024 * 1024;

/** There is no report to be had; in one line, why. Whoever is there instead of a server may have a say in it. */
class NoReport extends Error {
  constructor(message) {
    super(printable(message));
  }
}

/**
 * Asks a server how it is.
 * @param {import('./look.js').Look} look
 * @param {{ since?: number, limit?: number }} [part] Events and history only from then on (a server's `now`; default:
 *   none of them); so many clients and locks of each database.
 * @returns {Promise<object>} What `/status.json` gives.
 * @throws {NoReport}
 */
async function fetchReport({ url, token, db, insecure }, { since = Number.MAX_SAFE_INTEGER, limit } = {}) {
  const target = new URL(`${url.pathname.replace(/\/$/, '')}/status.json`, url);
  for (const [name, value] of Object.entries({ db, since, limit })) {
    if (value !== undefined) {
      target.searchParams.set(name, value);
    }
  }
  const options = {
    headers: { accept: 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    rejectUnauthorized: !insecure,
    agent: false,
    signal: AbortSignal.timeout(PATIENCE),
  };
  const { status, body } = await get(target, options).catch((error) => {
    throw new NoReport(`${url.origin} cannot be reached: ${whyNot(error)}`);
  });
  return read(status, body, url.origin, token);
}

function get(target, options) {
  const { request } = target.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const message = request(target, options, async (response) => {
      try {
        resolve({ status: response.statusCode, body: await bodyOf(response) });
      } catch (error) {
        reject(error);
      }
    });
    message.on('error', reject);
    message.end();
  });
}

async function bodyOf(response) {
  const parts = [];
  let length = 0;
  for await (const part of response) {
    length += part.length;
    if (length > MAX_LENGTH) {
      throw new Error('its answer is too long');
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function whyNot(error) {
  if (error.name === 'TimeoutError' || error.cause?.name === 'TimeoutError') {
    return `no answer within ${PATIENCE / 1000} s`;
  }
  // Of several addresses that were tried, the first one's failure.
  const { code, message } = error.errors?.[0] ?? error;
  return code === 'ECONNREFUSED' ? 'nobody listens there' : message || code;
}

function read(status, body, origin, token) {
  if (status === 401) {
    const what = token ? 'this token' : 'requests without a token';
    throw new NoReport(
      `${origin} does not take ${what}. Set TOKEN; with the token of one database, say which: db=NAME`,
    );
  }
  const report = status === 200 ? parse(body) : undefined;
  if (!report?.server || !Array.isArray(report.databases)) {
    const answer = status === 200 ? 'with something else' : `with ${status}`;
    throw new NoReport(`${origin} does not seem to be an AceBase IPC server: it answered ${answer}`);
  }
  return report;
}

function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/**
 * Adds `rates` (what came in and went out, each second) to the databases and clients of a report that an earlier one
 * has, too.
 * @param {object} before
 * @param {object} report
 */
function withRates(before, report) {
  const seconds = (report.server.now - before.server.now) / 1000;
  const databases = report.databases.map((database) => {
    const earlier = before.databases.find(({ name }) => name === database.name);
    const peers = database.peers.map((peer) => {
      const same = earlier?.peers.find(({ id, connectedAt }) => id === peer.id && connectedAt === peer.connectedAt);
      return { ...peer, rates: rates(same, peer, seconds) };
    });
    return { ...database, peers, rates: rates(earlier, database, seconds) };
  });
  return { ...report, databases };
}

/** @returns {{ received: object, sent: object } | null} `null`: not known. */
function rates(earlier, now, seconds) {
  if (!earlier || !(seconds > 0)) {
    return null;
  }
  const each = (direction, unit) => {
    // A count that has become smaller is one that began anew.
    const growth = now[direction][unit] - earlier[direction][unit];
    return Math.round(Math.max(growth, 0) / seconds);
  };
  const of = (direction) => ({ messages: each(direction, 'messages'), bytes: each(direction, 'bytes') });
  return { received: of('received'), sent: of('sent') };
}

/**
 * What is not well, one sentence each.
 * @param {object} report
 * @param {string} [db] A database that must have a master; without it, each that needs one.
 * @returns {string[]}
 */
function troubles({ server, databases }, db) {
  const found = server.stopping ? ['the server is stopping'] : [];
  if (db !== undefined && databases.length === 0) {
    found.push(`no client of database ${db} is connected`);
  }
  for (const database of databases.filter((candidate) => !candidate.masterPresent)) {
    if (db !== undefined || database.needsMaster) {
      found.push(`database ${database.name} has no master`);
    }
  }
  return found;
}

module.exports = { fetchReport, withRates, troubles, NoReport };
