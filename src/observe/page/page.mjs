// The live page: asks the server how it is once a second, and has it shown. The token is kept for this tab only, and
// goes to no other server.

import { restyle } from './charts.mjs';
import { nameParts, setClass, setText, show } from './dom.mjs';
import { Model } from './model.mjs';
import { render, tellTitle } from './view.mjs';
import words from './words.mjs';

/** Between an answer and the next question, in milliseconds. */
const EVERY = 1000;
/** An answer that takes longer than this, in milliseconds, will not come. */
const PATIENCE = 5000;
/** Clients and locks that are shown of a database. */
const LIMIT = 100;
/** Where the tab keeps the token. */
const STORED_TOKEN = 'acebase-ipc-token';

const byId = (id) => document.getElementById(id);

const model = new Model();
let timer;
let asking;
let isPaused = false;
let lastAnswer;

/** The page's own address may name a token, which is then kept and taken off, and a database to show alone. */
function readAddress() {
  const address = new URL(location.href);
  const token = address.searchParams.get('t');
  if (token !== null) {
    sessionStorage.setItem(STORED_TOKEN, token);
    address.searchParams.delete('t');
    history.replaceState(null, '', address);
  }
  return address.searchParams.get('db');
}

const onlyDatabase = readAddress();

/** The database that is looked at: the one that was chosen, else one in trouble, else that with most clients. */
function selected() {
  const databases = model.report?.databases ?? [];
  const chosen = new URLSearchParams(location.hash.slice(1)).get('db');
  if (databases.some((database) => database.name === chosen)) {
    return chosen;
  }
  const troubled = model.report?.troubles.find(({ dbname }) => databases.some(({ name }) => name === dbname));
  return troubled?.dbname ?? [...databases].sort((a, b) => b.peerCount - a.peerCount)[0]?.name;
}

function question() {
  const parameters = new URLSearchParams({ since: model.since, limit: LIMIT });
  if (onlyDatabase !== null) {
    parameters.set('db', onlyDatabase);
  }
  return `status.json?${parameters}`;
}

async function ask() {
  const token = sessionStorage.getItem(STORED_TOKEN);
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const signal = AbortSignal.any([asking.signal, AbortSignal.timeout(PATIENCE)]);
  const response = await fetch(question(), { headers, signal, cache: 'no-store' });
  if (response.status === 401) {
    return () => wantToken(token !== null);
  }
  if (!response.ok) {
    const text = await response.text();
    return () => tellRefusal(text);
  }
  const report = await response.json();
  return () => tellReport(report);
}

/** Asks, and asks again later. A newer round puts an end to an older one. */
async function round() {
  clearTimeout(timer);
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  let tell;
  try {
    tell = await ask();
  } catch (error) {
    tell = () => tellFailure(error);
  }
  if (!signal.aborted) {
    timer = setTimeout(round, EVERY);
    tell();
  }
}

function tellReport(report) {
  lastAnswer = Date.now();
  model.take(report);
  show(byId('token-form'), false);
  show(byId('refusal'), false);
  show(byId('content'), true);
  show(byId('forget'), sessionStorage.getItem(STORED_TOKEN) !== null);
  tellLink(report.server.stopping ? ['Stopping', 'wait'] : ['Live', 'good']);
  render(model, selected());
}

function tellLink([text, state]) {
  setText(byId('link'), text);
  setClass(byId('link'), state);
  document.body.classList.toggle('stale', state === 'bad');
}

/** What was shown stays, marked as old. */
function tellFailure(error) {
  console.debug('No answer from the server:', error);
  const since = lastAnswer ? `, no answer since ${words.clock(lastAnswer)}` : '';
  tellLink([`Unreachable${since}`, 'bad']);
  tellTitle(undefined);
}

function wantToken(isWrong) {
  clearTimeout(timer);
  sessionStorage.removeItem(STORED_TOKEN);
  tellLink(['Token needed', 'wait']);
  show(byId('content'), false);
  show(byId('forget'), false);
  setText(byId('token-error'), isWrong ? 'This token is not right.' : '');
  show(byId('token-form'), true);
  byId('token').focus();
}

function tellRefusal(text) {
  tellLink(['Refused', 'bad']);
  tellTitle(undefined);
  setText(byId('refusal'), text);
  show(byId('refusal'), true);
}

function stop() {
  clearTimeout(timer);
  asking?.abort();
}

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(STORED_TOKEN, byId('token').value);
  byId('token').value = '';
  round();
});

byId('forget').addEventListener('click', () => {
  sessionStorage.removeItem(STORED_TOKEN);
  location.reload();
});

byId('pause').addEventListener('click', () => {
  isPaused = !isPaused;
  byId('pause').setAttribute('aria-pressed', String(isPaused));
  setText(byId('pause'), isPaused ? 'Go on' : 'Pause');
  if (isPaused) {
    stop();
    tellLink(['Paused', 'wait']);
  } else {
    round();
  }
});

byId('event-filter').addEventListener('change', () => {
  if (model.report) {
    render(model, selected());
  }
});

// As the link says, but without a change of the address, which names the database that is looked at.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  byId('main').focus();
});

addEventListener('hashchange', () => {
  if (model.report) {
    render(model, selected());
    byId('database-title').focus();
  }
});

// A page that nobody sees asks nothing; the server remembers for it.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    stop();
  } else if (!isPaused) {
    round();
  }
});

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  restyle();
  if (model.report) {
    render(model, selected());
  }
});

document.querySelectorAll('table').forEach(nameParts);
round();
