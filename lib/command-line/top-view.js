'use strict';

// What `top` shows on a terminal of so many columns and rows: what is wrong and who holds locks first, then the
// clients, in the order that was chosen, from the line on to which was scrolled. Pure.

const { clusterLines, from } = require('./cluster-text.js');
const { printable } = require('../printable.js');
const words = require('../words.js');

/** Shortest that an id or an address is cut to, in characters. */
const MIN_CELL = 9;

/** The orders of clients, each with what it goes by; the first is the server's own. */
const ORDERS = [
  { name: 'role', by: undefined },
  { name: 'traffic', by: ({ rates }) => (rates ? rates.received.messages + rates.sent.messages : 0) },
  { name: 'queue', by: ({ queuedBytes }) => queuedBytes },
  { name: 'silence', by: ({ heardMs }) => heardMs },
  { name: 'age', by: ({ connectedAt }) => -connectedAt },
];

/**
 * @typedef {{ order: number, top: number }} View
 * @typedef {{ text: string, style?: 'error' | 'warning' | 'bold' | 'soft' | 'bar' }} Line
 */

/** @returns {View} */
function initialView() {
  return { order: 0, top: 0 };
}

/** Lines that each key scrolls by; `page` is nearly a screen. */
const SCROLLS = { up: -1, k: -1, down: 1, j: 1, pageup: -15, pagedown: 15, ' ': 15, home: -Infinity, end: Infinity };

/** The view after a key. @param {View} view @param {string} key @returns {View} */
function pressed(view, key) {
  if (key === 's') {
    return { ...view, order: (view.order + 1) % ORDERS.length };
  }
  return key in SCROLLS ? { ...view, top: Math.max(0, view.top + SCROLLS[key]) } : view;
}

/**
 * @param {object} report With rates, where they are known.
 * @param {string} origin Of the server.
 * @param {View} view
 * @param {{ columns: number, rows: number }} size
 * @returns {Line[]} As many as there are rows, at most.
 */
function toScreen(report, origin, view, { columns, rows }) {
  const { version, uptimeMs } = report.server;
  const head = {
    text: `AceBase IPC server ${printable(version)} at ${origin}, up ${words.duration(uptimeMs)}`,
    style: 'bold',
  };
  const body = bodyLines(report, view, columns);
  const room = roomOf(rows);
  const first = Math.min(view.top, lastTop(body, rows));
  return [head, ...body.slice(first, first + room), foot(view, first, body.length, room)].slice(0, rows);
}

/**
 * The view, scrolled no further than there are lines: else the way back would be as long as the keys were pressed.
 * @returns {View}
 */
function bounded(report, view, { columns, rows }) {
  return { ...view, top: Math.min(view.top, lastTop(bodyLines(report, view, columns), rows)) };
}

function bodyLines(report, view, columns) {
  return [
    ...troubleLines(report.troubles, columns),
    ...clusterLines(report.cluster)
      .flatMap((line) => wrapped(line, columns))
      .map((text) => ({ text })),
    ...databasesLines(report, view, columns),
  ];
}

/** Lines between the first and the last one of the screen. */
function roomOf(rows) {
  return Math.max(1, rows - 2);
}

function lastTop(body, rows) {
  return Math.max(0, body.length - roomOf(rows));
}

function foot({ order }, first, length, room) {
  const rest = Math.max(0, length - first - room);
  const more = first > 0 || rest > 0 ? `  arrows, space: scroll (${first} above, ${rest} below)` : '';
  return { text: `q: quit  s: sort clients by ${ORDERS[order].name}${more}`, style: 'bar' };
}

function troubleLines(troubles, columns) {
  return troubles.flatMap(({ level, dbname, text, advice }) => {
    const style = level === 'info' ? 'soft' : level;
    const told = wrapped(printable(dbname === null ? text : `${dbname}: ${text}`), columns);
    return [
      ...told.map((line) => ({ text: line, style })),
      ...wrapped(printable(`-> ${advice}`), columns).map((line) => ({ text: line, style: 'soft' })),
    ];
  });
}

/** A text in lines that are no longer than that. */
function wrapped(text, columns) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    const longer = last === '' ? word : `${last} ${word}`;
    if (longer.length <= columns) {
      lines[lines.length - 1] = longer;
    } else {
      lines.push(word);
    }
  }
  return lines;
}

function databasesLines({ databases, server }, view, columns) {
  if (databases.length === 0) {
    return [{ text: '' }, { text: 'No client is connected.' }];
  }
  return databases.flatMap((database) => [{ text: '' }, ...databaseLines(database, server.now, view, columns)]);
}

function databaseLines(database, now, view, columns) {
  const { name, masterPresent, needsMaster, peerCount, heldRequests, deliveredRequests, rates, lockCount } = database;
  const { held, fenced, waiting } = lockCount;
  const lacks = needsMaster && !masterPresent;
  const traffic = `${words.rate(rates?.received.messages)} in, ${words.rate(rates?.sent.messages)} out`;
  const requests = `requests ${heldRequests} held, ${deliveredRequests} with the master`;
  const passed = words.passes(database.lockPasses);
  return [
    {
      text: `${printable(name)}: ${masterPresent ? 'master present' : 'NO MASTER'}, ${words.counted(peerCount, 'client')}, ${traffic}`,
      style: lacks ? 'error' : 'bold',
    },
    { text: `${requests}, locks ${held + fenced} granted, ${waiting} waiting${passed && `, ${passed} so far`}` },
    ...(database.locks.length > 0 ? table(LOCK_COLUMNS, database.locks, now, columns, styleOfLock) : []),
    ...table(CLIENT_COLUMNS, sorted(database.peers, view), now, columns, styleOfClient),
  ];
}

function styleOfLock({ state, waitsForCount }) {
  return state === 'waiting' && waitsForCount === 0 ? 'warning' : state === 'waiting' ? 'soft' : undefined;
}

function styleOfClient({ away }) {
  return away ? 'warning' : undefined;
}

function sorted(peers, { order }) {
  const { by } = ORDERS[order];
  return by ? [...peers].sort((a, b) => by(b) - by(a)) : peers;
}

/** Each column: its head, what it shows of a row, and whether it may be cut in the middle to fit. */
const LOCK_COLUMNS = [
  ['LOCK', ({ path, write }) => `${write ? 'write' : 'read'} ${words.path(path)}`, true],
  ['STATE', words.lockState],
  ['FOR', ({ ageMs }) => words.duration(ageMs)],
  ['CLIENT', ({ peer }) => peer, true],
  ['WAITS FOR', ({ waitsFor, waitsForCount }) => blockers(waitsFor, waitsForCount), true],
];

const CLIENT_COLUMNS = [
  ['CLIENT', ({ id }) => id, true],
  ['ROLE', ({ role, away }) => (away ? `${role}, away` : role)],
  ['FROM', from, true],
  ['PID', ({ pid }) => pid ?? ''],
  ['FOR', ({ connectedAt }, now) => words.duration(now - connectedAt)],
  ['RTT', ({ rttMicros }) => words.roundTrip(rttMicros)],
  ['QUEUE', ({ queuedBytes }) => words.bytes(queuedBytes)],
  ['IN', ({ rates }) => words.rate(rates?.received.messages)],
  ['OUT', ({ rates }) => words.rate(rates?.sent.messages)],
];

function blockers([first], total) {
  return first ? `${first.peer}${total > 1 ? ` and ${total - 1} more` : ''}` : '';
}

/** The widest of the columns that may be cut are cut, until all fit. */
function table(columns, rows, now, width, styleOf) {
  const cells = rows.map((row) => columns.map(([, show]) => printable(show(row, now))));
  const heads = columns.map(([head]) => head);
  const widths = columns.map((_, column) => Math.max(...[heads, ...cells].map((row) => row[column].length)));
  const total = () => widths.reduce((sum, one) => sum + one, 0) + 2 * (widths.length - 1);
  while (total() > width) {
    const widest = columns.reduce(
      (best, [, , isCut], column) => (isCut && widths[column] > (widths[best] ?? MIN_CELL) ? column : best),
      -1,
    );
    if (widest < 0) {
      break;
    }
    widths[widest] -= 1;
  }
  const line = (row) =>
    row
      .map((cell, column) => cut(cell, widths[column]).padEnd(widths[column]))
      .join('  ')
      .trimEnd();
  return [
    { text: line(heads), style: 'soft' },
    ...cells.map((row, number) => ({ text: line(row), style: styleOf(rows[number]) })),
  ];
}

/** Ids differ at their beginnings and at their ends. */
function cut(text, length) {
  if (text.length <= length) {
    return text;
  }
  const end = Math.floor((length - 1) / 2);
  return `${text.slice(0, length - 1 - end)}…${text.slice(text.length - end)}`;
}

module.exports = { bounded, initialView, pressed, toScreen };
