// The tables of the page: databases, locks and peers, a row each.

import { drawSpark } from './charts.mjs';
import { element, list, row, setClass, setText, show } from './dom.mjs';
import words from './words.mjs';

/** Rows that get a line of their traffic: more than fit on a screen. */
const MAX_SPARKS = 50;

/** @param {Element} section @param {string} selected The database that is looked at. */
export function showDatabases(section, model, selected) {
  const { databases } = model.report;
  const table = tableOf(section, databases.length);
  list(table.tBodies[0], databases, {
    key: (database) => database.name,
    make: () => databaseRow(table),
    update: (made, database) => fillDatabase(made, database, model, database.name === selected),
  });
}

function databaseRow(table) {
  const made = row(table, ['name', '', ...Array(7).fill('number')]);
  made.cells[0].append(element('a'));
  return made;
}

function fillDatabase(made, database, model, isSelected) {
  const link = made.cells[0].firstElementChild;
  setText(link, database.name);
  link.setAttribute('href', `#db=${encodeURIComponent(database.name)}`);
  link.setAttribute('aria-current', String(isSelected));
  const latest = (figure) => words.rate(model.latest(database.name, figure));
  const { held, fenced, waiting } = database.lockCount;
  fill(made, 1, [
    database.masterPresent ? 'present' : 'absent',
    words.whole(database.peerCount),
    latest('received'),
    latest('sent'),
    words.bytes(database.queuedBytes),
    words.whole(held + fenced),
    words.whole(waiting),
    words.whole(database.heldRequests),
  ]);
  setClass(made.cells[1], database.needsMaster && !database.masterPresent ? 'bad' : '');
  setClass(made.cells[8], database.heldRequests > 0 ? 'number wait' : 'number');
}

export function showLocks(section, database) {
  const { locks } = database;
  const { held, fenced, waiting } = database.lockCount;
  const table = tableOf(section, locks.length);
  tellCount(section, locks.length, held + fenced + waiting);
  const keys = uniqueKeys(locks, (lock) => [lock.state, lock.peer, lock.tid, lock.path, lock.id].join(' '));
  list(table.tBodies[0], locks, {
    key: (lock) => keys.get(lock),
    make: () => row(table, ['path', '', 'peer', 'number', '', 'purpose']),
    update: (made, lock) => fillLock(made, lock, database),
  });
}

/** What is added to the kind of a lock. */
const STATES = { held: '', waiting: ', waiting', fenced: ', of a former master' };

function fillLock(made, lock, database) {
  const isWaiting = lock.state === 'waiting';
  setClass(made, isWaiting ? 'wait' : '');
  fill(made, 0, [
    words.path(lock.path),
    `${lock.write ? 'write' : 'read'}${STATES[lock.state]}`,
    lock.peer,
    words.duration(lock.ageMs),
    isWaiting ? blockers(lock, database) : '',
    lock.comment,
  ]);
}

/** The master's own locks do not pass the hub: nobody else in the way means that it is one of those. */
function blockers(lock, database) {
  if (lock.waitsForCount === 0) {
    return database.masterPresent ? 'the master, or a lock of its own' : 'a master';
  }
  const named = lock.waitsFor.map((blocker) => `${blocker.peer} on ${words.path(blocker.path)}`);
  const others = lock.waitsForCount - named.length;
  return named.join(', ') + (others > 0 ? ` and ${words.whole(others)} more` : '');
}

export function showPeers(section, model, database) {
  const { peers } = database;
  const table = tableOf(section, peers.length);
  tellCount(section, peers.length, database.peerCount);
  const drawn = new Set(peers.slice(0, MAX_SPARKS));
  list(table.tBodies[0], peers, {
    key: (peer) => peer.id,
    make: () => peerRow(table),
    update(made, peer) {
      const rates = model.ratesOf(database, peer);
      fillPeer(made, peer, rates, model.report.server.now);
      if (drawn.has(peer)) {
        drawSpark(made.cells[7].firstElementChild, rates.line);
      }
    },
  });
}

function peerRow(table) {
  const made = row(table, ['peer', '', ...Array(5).fill('number'), '']);
  made.cells[7].append(element('span', { className: 'spark' }));
  return made;
}

function fillPeer(made, peer, rates, now) {
  setClass(made, peer.away ? 'wait' : '');
  fill(made, 0, [
    peer.id,
    peer.away ? `${peer.role}, away` : peer.role,
    words.duration(now - peer.connectedAt),
    words.roundTrip(peer.rttMicros),
    words.bytes(peer.queuedBytes),
    words.rate(rates.received),
    words.rate(rates.sent),
  ]);
}

/** A section's table, shown if it has rows; else the section's remark that there are none. */
function tableOf(section, rows) {
  const table = section.querySelector('table');
  show(table, rows > 0);
  show(section.querySelector('.empty'), rows === 0);
  return table;
}

function tellCount(section, shown, total) {
  const text = shown < total ? `${words.whole(shown)} of ${words.whole(total)}` : words.whole(total);
  setText(section.querySelector('.count'), text);
}

function fill(made, first, texts) {
  texts.forEach((text, index) => {
    setText(made.cells[first + index], text);
  });
}

/** Keys of items that may be alike: the second of two alike gets another number. */
function uniqueKeys(items, keyOf) {
  const seen = new Map();
  const keys = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const count = seen.get(key) ?? 0;
    seen.set(key, count + 1);
    keys.set(item, `${key} ${count}`);
  }
  return keys;
}
