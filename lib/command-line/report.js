'use strict';

// Gets the report of a running server, and adds the rates between two.

const { ask, refusedToken, NoAnswer } = require('./inquiry.js');

/** How the hub calls AceBase's databases: by their storage's type. */
const SUFFIX = '_data';

/**
 * Asks a server how it is. A database that is called as AceBase calls it is found, too: `look.db` is right afterwards.
 * @param {import('./look.js').Look} look
 * @param {{ since?: number, limit?: number }} [part] Events and history only from then on (a server's `now`; default:
 *   none of them); so many clients and locks of each database.
 * @returns {Promise<object>} What `/status.json` gives.
 * @throws {NoAnswer}
 */
async function fetchReport(look, { since = Number.MAX_SAFE_INTEGER, limit } = {}) {
  const report = await fetchOnce(look, since, limit);
  if (look.db === undefined || report.databases.length > 0 || look.db.endsWith(SUFFIX)) {
    return report;
  }
  const meant = { ...look, db: look.db + SUFFIX };
  const second = await fetchOnce(meant, since, limit).catch(() => undefined);
  if (!second || second.databases.length === 0) {
    return report;
  }
  look.db = meant.db;
  return second;
}

async function fetchOnce(look, since, limit) {
  const { db, maxWait } = look;
  const { status, body } = await ask(look, '/status.json', { db, since, limit, maxWait });
  if (status === 401) {
    throw refusedToken(look);
  }
  const report = status === 200 ? parse(body) : undefined;
  if (!report?.server || !Array.isArray(report.databases)) {
    const answer = status === 200 ? 'with something else' : `with ${status}`;
    throw new NoAnswer(`${look.url.origin} does not seem to be an AceBase IPC server: it answered ${answer}`);
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

module.exports = { fetchReport, withRates };
