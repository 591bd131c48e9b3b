'use strict';

// A report as lines of text for a terminal. Pure.

const { clusterLines, from } = require('./cluster-text.js');
const { printable } = require('../printable.js');
const words = require('../words.js');

/** Longest texts of the columns, in characters. */
const MAX_CELL = 48;

/**
 * @param {object} report With rates, where they are known.
 * @param {string} origin Of the server.
 * @returns {string[]} What is wrong comes first.
 */
function toLines({ server, troubles, cluster, databases }, origin) {
  const { version, uptimeMs } = server;
  const lines = troubles.flatMap(troubleLines);
  lines.push(...(lines.length > 0 ? [''] : []));
  lines.push(
    `AceBase IPC server ${printable(version)} at ${origin}, up ${words.duration(uptimeMs)}`,
    ...clusterLines(cluster),
  );
  if (databases.length === 0) {
    lines.push('', 'No client is connected.');
  }
  return lines.concat(databases.flatMap((database) => ['', ...databaseLines(database, server.now)]));
}

/** What each level is called before a trouble. */
const LEVELS = { error: 'TROUBLE', warning: 'WARNING', info: 'NOTE' };

function troubleLines({ level, dbname, text, advice }) {
  const where = dbname === null ? '' : `${dbname}: `;
  return [`${LEVELS[level] ?? level} ${printable(where + text)}`, `  -> ${printable(advice)}`];
}

function databaseLines(database, now) {
  const { name, masterPresent, peerCount, heldRequests, deliveredRequests, queuedBytes, lockCount } = database;
  const { held, fenced, waiting } = lockCount;
  const passed = words.passes(database.lockPasses);
  return [
    `${printable(name)}: ${masterPresent ? 'master present' : 'NO MASTER'}, ${words.counted(peerCount, 'client')}`,
    `  messages  ${traffic(database.rates?.received)} in, ${traffic(database.rates?.sent)} out, ${words.bytes(queuedBytes)} queued`,
    `  requests  ${heldRequests} held, ${deliveredRequests} with the master`,
    `  locks     ${held} held, ${fenced} of a former master, ${waiting} waiting${passed && `; ${passed} so far`}`,
    ...table(PEER_COLUMNS, database.peers, now),
    ...(database.locks.length > 0 ? table(LOCK_COLUMNS, database.locks, now) : []),
  ];
}

/** Each column: its head, and what it shows of a row. */
const PEER_COLUMNS = [
  ['CLIENT', ({ id }) => id],
  ['ROLE', ({ role, reliable }) => (reliable ? `${role}, exactly once` : role)],
  ['FROM', from],
  ['PROCESS', ({ pid, command }) => (pid ? `${pid} ${command}` : '')],
  ['FOR', ({ connectedAt }, now) => words.duration(now - connectedAt)],
  ['RTT', ({ rttMicros, away }) => (away ? 'away' : words.roundTrip(rttMicros))],
  ['QUEUE', ({ queuedBytes }) => words.bytes(queuedBytes)],
  ['IN', ({ rates }) => words.rate(rates?.received.messages)],
  ['OUT', ({ rates }) => words.rate(rates?.sent.messages)],
];

const LOCK_COLUMNS = [
  ['LOCK', ({ path }) => words.path(path)],
  ['KIND', ({ write }) => (write ? 'write' : 'read')],
  ['STATE', words.lockState],
  ['FOR', ({ ageMs }) => words.duration(ageMs)],
  ['CLIENT', ({ peer }) => peer],
  ['WAITS FOR', ({ waitsFor, waitsForCount }) => blockers(waitsFor, waitsForCount)],
  ['UNTIL', ({ expiresAt }) => (expiresAt ? words.clock(expiresAt) : '')],
];

function blockers(waitsFor, total) {
  const [first] = waitsFor;
  if (!first) {
    return '';
  }
  return `${first.peer} on ${words.path(first.path)}${total > 1 ? ` and ${total - 1} more` : ''}`;
}

function table(columns, rows, now) {
  const cells = [
    columns.map(([head]) => head),
    ...rows.map((row) => columns.map(([, show]) => short(printable(show(row, now))))),
  ];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column])).join('  ')}`.trimEnd());
}

function short(cell) {
  return cell.length > MAX_CELL ? `${cell.slice(0, MAX_CELL - 1)}…` : cell;
}

function traffic(rate) {
  return rate ? `${words.rate(rate.messages)} (${words.bytes(rate.bytes)}/s)` : words.rate(null);
}

module.exports = { toLines };
