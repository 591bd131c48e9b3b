// The tables of the page: databases and clients, a row each.

import { drawSpark } from './charts.mjs';
import { element, list, row, setClass, setText, show } from './dom.mjs';
import words from './words.mjs';

/** Rows that get a line of their traffic: more than fit on a screen. */
const MAX_SPARKS = 50;

/** @param {Element} section @param {string} selected The database that is looked at. */
export function showDatabases(section, model, selected) {
  const databases = byTrouble(model.report);
  const table = tableOf(section, databases.length);
  list(table.tBodies[0], databases, {
    key: (database) => database.name,
    make: () => databaseRow(table),
    update: (made, database) => fillDatabase(made, database, model, database.name === selected),
  });
}

/** Those in trouble first, the worst of them before the others; then those with most clients. */
function byTrouble({ databases, troubles }) {
  const rank = ({ name }) => {
    const at = troubles.findIndex(({ dbname }) => dbname === name);
    return at < 0 ? troubles.length : at;
  };
  return [...databases].sort((a, b) => rank(a) - rank(b) || b.peerCount - a.peerCount);
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
    words.master(database),
    words.whole(database.peerCount),
    latest('received'),
    latest('sent'),
    words.bytes(database.queuedBytes),
    words.whole(held + fenced),
    words.whole(waiting),
    words.whole(database.heldRequests),
  ]);
  setClass(made.cells[1], database.needsMaster && !database.masterPresent ? 'bad' : '');
  setClass(made.cells[8], database.heldRequests > 0 ? 'number bad' : 'number');
  setClass(made.cells[7], waiting > 0 ? 'number wait' : 'number');
}

export function showClients(section, model, database) {
  const { peers } = database;
  const table = tableOf(section, peers.length);
  tellCount(section, peers.length, database.peerCount);
  const drawn = new Set(peers.slice(0, MAX_SPARKS));
  list(table.tBodies[0], peers, {
    key: (peer) => peer.id,
    make: () => clientRow(table),
    update(made, peer) {
      const rates = model.ratesOf(database, peer);
      fillClient(made, peer, rates, model.report.server.now);
      if (drawn.has(peer)) {
        drawSpark(made.cells[8].firstElementChild, rates.line);
      }
    },
  });
}

function clientRow(table) {
  const made = row(table, ['peer', '', 'place', ...Array(5).fill('number'), '']);
  made.cells[8].append(element('span', { className: 'spark' }));
  return made;
}

function fillClient(made, peer, rates, now) {
  setClass(made, peer.away ? 'wait' : '');
  fill(made, 0, [
    peer.id,
    [peer.role, peer.reliable && 'exactly once', peer.away && 'away'].filter(Boolean).join(', '),
    words.place(peer),
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
