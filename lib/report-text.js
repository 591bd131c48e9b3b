'use strict';

// A report as lines of text for a terminal. Pure.

const { printable } = require('./printable.js');

/** Units of time that durations are said in, in milliseconds. */
const TIMES = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/** Longest texts of the columns, in characters. */
const MAX_CELL = 48;

/**
 * @param {object} report With rates, where they are known.
 * @param {string[]} troubles
 * @param {string} origin Of the server.
 * @returns {string[]}
 */
function toLines({ server, databases }, troubles, origin) {
  const { version, uptimeMs } = server;
  const lines = [`AceBase IPC server ${printable(version)} at ${origin}, up ${duration(uptimeMs)}`];
  lines.push(...troubles.map((trouble) => `NOT WELL: ${printable(trouble)}`));
  if (databases.length === 0) {
    lines.push('', 'No client is connected.');
  }
  return lines.concat(databases.flatMap((database) => ['', ...databaseLines(database, server.now)]));
}

function databaseLines(database, now) {
  const { name, masterPresent, peerCount, heldRequests, deliveredRequests, queuedBytes, lockCount } = database;
  const { held, fenced, waiting } = lockCount;
  return [
    `${printable(name)}: ${masterPresent ? 'master present' : 'NO MASTER'}, ${peerCount} ${peerCount === 1 ? 'client' : 'clients'}`,
    `  messages  ${traffic(database.rates?.received)} in, ${traffic(database.rates?.sent)} out, ${size(queuedBytes)} queued`,
    `  requests  ${heldRequests} held, ${deliveredRequests} with the master`,
    `  locks     ${held} held, ${fenced} of a former master, ${waiting} waiting`,
    ...table(PEER_COLUMNS, database.peers, now),
    ...(database.locks.length > 0 ? table(LOCK_COLUMNS, database.locks, now) : []),
  ];
}

/** Each column: its head, and what it shows of a row. */
const PEER_COLUMNS = [
  ['CLIENT', ({ id }) => id],
  ['ROLE', ({ role }) => role],
  ['FOR', ({ connectedAt }, now) => duration(now - connectedAt)],
  ['RTT', ({ rttMicros, away }) => (away ? 'away' : roundTrip(rttMicros))],
  ['QUEUE', ({ queuedBytes }) => size(queuedBytes)],
  ['IN/S', ({ rates }) => count(rates?.received.messages)],
  ['OUT/S', ({ rates }) => count(rates?.sent.messages)],
];

const LOCK_COLUMNS = [
  ['LOCK', ({ path }) => `/${path}`],
  ['KIND', ({ write }) => (write ? 'write' : 'read')],
  ['STATE', ({ state }) => state],
  ['FOR', ({ ageMs }) => duration(ageMs)],
  ['CLIENT', ({ peer }) => peer],
  ['WAITS FOR', ({ waitsFor, waitsForCount }) => blockers(waitsFor, waitsForCount)],
];

function blockers(waitsFor, total) {
  const [first] = waitsFor;
  if (!first) {
    return '';
  }
  return `${first.peer} on /${first.path}${total > 1 ? ` and ${total - 1} more` : ''}`;
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
  return rate ? `${count(rate.messages)}/s (${size(rate.bytes)}/s)` : '?/s';
}

function count(number) {
  return number === undefined ? '?' : number.toLocaleString('en-US');
}

function roundTrip(micros) {
  return micros === null ? '?' : `${(micros / 1000).toFixed(micros < 10_000 ? 2 : 0)} ms`;
}

function size(bytes) {
  const exponent = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), 4);
  const number = bytes / 1024 ** exponent;
  return `${exponent === 0 ? number : number.toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][exponent]}`;
}

/** In its two largest units. */
function duration(milliseconds) {
  let rest = Math.max(milliseconds, 0);
  const parts = [];
  for (const [unit, length] of TIMES) {
    const number = Math.floor(rest / length);
    rest -= number * length;
    if (number > 0 && parts.length < 2) {
      parts.push(`${number} ${unit}`);
    } else if (parts.length > 0) {
      break;
    }
  }
  return parts.join(' ') || '0 s';
}

module.exports = { toLines };
