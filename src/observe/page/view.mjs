// Shows what the model knows. Knows the document; asks nothing of the server.

import { drawCharts } from './charts.mjs';
import { element, list, setClass, setText, show } from './dom.mjs';
import { showDatabases, showLocks, showPeers } from './tables.mjs';
import words from './words.mjs';

/** A lock that is held longer than this, in milliseconds, while others wait for it, is worth a remark. */
const LONG_HOLD = 5000;

const byId = (id) => document.getElementById(id);

/** Shows the whole model; `selected`: the database that is looked at. */
export function render(model, selected) {
  const { server, databases } = model.report;
  setText(byId('about'), `Version ${server.version} · up ${words.duration(server.uptimeMs)}`);
  showDatabases(byId('databases'), model, selected);
  const database = model.database(selected);
  show(byId('database'), database !== undefined);
  if (database) {
    showDatabase(model, database);
  }
  showEvents(byId('events'), model.events);
  const troubles = databases.reduce((sum, one) => sum + concernsOf(one).length, 0);
  document.title = troubles > 0 ? `(${troubles}) AceBase IPC server` : 'AceBase IPC server';
}

function showDatabase(model, database) {
  setText(byId('database-title'), database.name);
  list(byId('concerns'), concernsOf(database), {
    key: (concern) => concern.key,
    make: () => element('li'),
    update: (item, concern) => setText(item, concern.text),
  });
  showFigures(model, database);
  drawCharts(byId('charts'), model, database.name);
  showLocks(byId('locks'), database);
  showPeers(byId('peers'), model, database);
}

/** What a person should look at. */
function concernsOf(database) {
  return [masterConcern(database), holdConcern(database), awayConcern(database)].filter(Boolean);
}

function masterConcern(database) {
  const held = database.heldRequests;
  if (database.masterPresent || !database.needsMaster) {
    return undefined;
  }
  const waiting = held === 0 ? '.' : `: ${words.counted(held, 'request')} ${held === 1 ? 'waits' : 'wait'}.`;
  return { key: 'master', text: `No master is present${waiting}` };
}

function holdConcern(database) {
  const longest = longestHold(database);
  const { waiting } = database.lockCount;
  if (waiting === 0 || !longest || longest.ageMs < LONG_HOLD) {
    return undefined;
  }
  const what = `A ${longest.write ? 'write' : 'read'} lock on ${words.path(longest.path)}`;
  const since = words.duration(longest.ageMs);
  const others = `${words.counted(waiting, 'request')} for locks ${waiting === 1 ? 'waits' : 'wait'}`;
  return { key: 'hold', text: `${what} has been held by ${longest.peer} for ${since}; ${others}.` };
}

function awayConcern(database) {
  const peers = words.counted(database.keptSessions, 'peer');
  const text = `The connection of ${peers} is lost, and may come back.`;
  return database.keptSessions > 0 ? { key: 'away', text } : undefined;
}

function longestHold(database) {
  const granted = database.locks.filter((lock) => lock.state !== 'waiting');
  return granted.reduce((longest, lock) => (longest && longest.ageMs >= lock.ageMs ? longest : lock), undefined);
}

function showFigures(model, database) {
  list(byId('figures'), figuresOf(model, database), {
    key: ({ name }) => name,
    make: ({ name }) => element('div', { children: [element('dt', { text: name }), element('dd'), element('dd')] }),
    update(made, { value, note }) {
      setText(made.children[1], value);
      setText(made.children[2], note);
    },
  });
}

/** The figures above the charts, each with a remark below it. */
function figuresOf(model, database) {
  const { name, received, sent } = database;
  const { held, fenced, waiting } = database.lockCount;
  const longest = longestHold(database);
  const formerly = fenced > 0 ? `, ${words.whole(fenced)} of a former master` : '';
  const rateOf = (figure) => words.rate(model.latest(name, figure));
  return [
    { name: 'Master', value: database.masterPresent ? 'present' : 'absent', note: '' },
    {
      name: 'Peers',
      value: words.whole(database.peerCount),
      note: database.keptSessions > 0 ? `${words.whole(database.keptSessions)} away` : '',
    },
    { name: 'In', value: rateOf('received'), note: `${words.whole(received.messages)} so far` },
    { name: 'Out', value: rateOf('sent'), note: `${words.whole(sent.messages)} so far` },
    { name: 'Queued', value: words.bytes(database.queuedBytes), note: '' },
    { name: 'Locks', value: words.whole(held + fenced), note: `${words.whole(waiting)} waiting${formerly}` },
    {
      name: 'Longest hold',
      value: longest ? words.duration(longest.ageMs) : '–',
      note: longest ? words.path(longest.path) : '',
    },
    {
      name: 'Held requests',
      value: words.whole(database.heldRequests),
      note: `${words.whole(database.deliveredRequests)} with the master`,
    },
  ];
}

/** Newest first. Who has scrolled down goes on reading what is there. */
function showEvents(section, events) {
  const entries = section.querySelector('ol');
  show(section.querySelector('.empty'), events.length === 0);
  show(entries, events.length > 0);
  const { scrollTop, scrollHeight } = entries;
  list(entries, events, { key: (event) => String(event.id), make: eventEntry, update: fillEvent });
  if (scrollTop > 0) {
    entries.scrollTop = scrollTop + entries.scrollHeight - scrollHeight;
  }
}

function eventEntry() {
  const parts = ['kind', 'where', 'text'].map((className) => element('span', { className }));
  return element('li', { children: [element('time'), ...parts] });
}

function fillEvent(made, event) {
  const [time, kind, where, text] = made.children;
  setClass(made, event.level);
  setText(time, words.clock(event.at));
  time.dateTime = new Date(event.at).toISOString();
  setText(kind, event.kind);
  setText(where, [event.db, event.peer].filter(Boolean).join(' · '));
  setText(text, event.count > 1 ? `${event.text} (${words.whole(event.count)} times)` : event.text);
}
