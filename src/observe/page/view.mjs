// Shows what the model knows. Knows the document; asks nothing of the server.

import { drawCharts } from './charts.mjs';
import { element, list, setClass, setText, show } from './dom.mjs';
import { showHubs } from './hubs.mjs';
import { showLocks } from './locks.mjs';
import { showClients, showDatabases } from './tables.mjs';
import { showTroubles } from './troubles.mjs';
import words from './words.mjs';

const byId = (id) => document.getElementById(id);

/** Shows the whole model; `selected`: the database that is looked at. */
export function render(model, selected) {
  const { server, troubles, cluster } = model.report;
  setText(byId('about'), `Version ${server.version} · up ${words.duration(server.uptimeMs)}`);
  showTroubles(byId('troubles'), troubles);
  setText(byId('how-to-connect'), howToConnect());
  showDatabases(byId('databases'), model, selected);
  showHubs(byId('hubs'), cluster);
  const database = model.database(selected);
  show(byId('database'), database !== undefined);
  if (database) {
    showDatabase(model, database);
  }
  showEvents(byId('events'), model.events.filter(FILTERS[byId('event-filter').value]));
  tellTitle(troubles);
}

/** A tab that nobody looks at says how it is, too. @param {object[] | undefined} troubles Absent: nobody knows. */
export function tellTitle(troubles) {
  const serious = troubles?.filter(({ level }) => level !== 'info').length;
  const mark = serious === undefined ? '(unreachable) ' : serious > 0 ? `(${serious}) ` : '';
  document.title = `${mark}AceBase IPC server`;
}

/** What a process must be told, to be a client of the server that this page is from. */
function howToConnect() {
  const isTls = location.protocol === 'https:';
  const port = location.port || (isTls ? 443 : 80);
  const ssl = isTls ? ', ssl: true' : '';
  return `const ipc = { host: '${location.hostname}', port: ${port}${ssl}, role: 'worker' }; // or 'master'`;
}

const isOfClients = ({ kind }) => kind === 'connect' || kind === 'disconnect';

/** Which events are shown, by what the reader has chosen. */
const FILTERS = {
  all: () => true,
  serious: ({ level }) => level === 'warning' || level === 'error',
  cluster: (event) => !isOfClients(event),
  clients: isOfClients,
};

function showDatabase(model, database) {
  setText(byId('database-title'), database.name);
  showFigures(model, database);
  drawCharts(byId('charts'), model, database.name);
  showLocks(byId('locks'), database);
  showClients(byId('clients'), model, database);
}

/** Who the master is. */
function masterNote({ peers }) {
  const master = peers.find(({ role }) => role === 'master');
  return master?.pid ? `process ${master.pid}` : (master?.remote ?? '');
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
  const passed = database.lockPasses > 0 ? `, ${words.passes(database.lockPasses)} so far` : '';
  const rateOf = (figure) => words.rate(model.latest(name, figure));
  return [
    { name: 'Master', value: words.master(database), note: masterNote(database) },
    {
      name: 'Clients',
      value: words.whole(database.peerCount),
      note: database.keptSessions > 0 ? `${words.whole(database.keptSessions)} away` : '',
    },
    { name: 'In', value: rateOf('received'), note: `${words.whole(received.messages)} so far` },
    { name: 'Out', value: rateOf('sent'), note: `${words.whole(sent.messages)} so far` },
    { name: 'Queued', value: words.bytes(database.queuedBytes), note: '' },
    { name: 'Locks', value: words.whole(held + fenced), note: `${words.whole(waiting)} waiting${formerly}${passed}` },
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
