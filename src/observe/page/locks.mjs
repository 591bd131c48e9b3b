// The locks of a database: each that is granted with those that wait for it, and then those that wait for nobody whom
// the server sees.

import { element, list, setClass, setText, show } from './dom.mjs';
import words from './words.mjs';

/** Waiting clients that are named for one lock. */
const MAX_NAMED = 3;

/** What is said of the master's own locks, which do not pass the server. */
const UNSEEN = 'No client is in their way: they wait for a lock of the master itself';

/** @param {Element} section @param {object} database */
export function showLocks(section, database) {
  const groups = grouped(database);
  const { held, fenced, waiting } = database.lockCount;
  setText(section.querySelector('.count'), summary(held + fenced, waiting, database.locksLeftOut));
  show(section.querySelector('.empty'), groups.length === 0);
  show(section.querySelector('ul'), groups.length > 0);
  list(section.querySelector('ul'), groups, {
    key: (group) => group.key,
    make: () =>
      element('li', { children: [line(['path', 'what', 'peer', 'place']), line(['times', 'waiters', 'purpose'])] }),
    update: (made, group) => fillGroup(made, group, database),
  });
}

function summary(granted, waiting, leftOut) {
  const shown = `${words.whole(granted)} granted, ${words.whole(waiting)} waiting`;
  return leftOut > 0 ? `${shown}, ${words.whole(leftOut)} not shown` : shown;
}

function line(classes) {
  return element('p', { children: classes.map((className) => element('span', { className })) });
}

/** The granted locks, those that most wait for first; each with the waiting ones whose first obstacle it is. */
function grouped({ locks, masterPresent }) {
  const granted = locks.filter((lock) => lock.state !== 'waiting');
  const groups = new Map(
    granted.map((lock, number) => [keyOf(lock), { key: `${keyOf(lock)} ${number}`, lock, waiters: [] }]),
  );
  const rest = { key: 'rest', waiters: [], isUnseen: masterPresent };
  for (const lock of locks.filter(({ state }) => state === 'waiting')) {
    const first = lock.waitsFor[0];
    (groups.get(first && keyOf(first)) ?? rest).waiters.push(lock);
  }
  const all = [...groups.values()].sort((a, b) => b.waiters.length - a.waiters.length);
  return rest.waiters.length > 0 ? [...all, rest] : all;
}

function keyOf({ id, peer, path }) {
  return `${id} ${peer} ${path}`;
}

const KINDS = { held: '', waiting: '', fenced: ' of a former master' };

function fillGroup(made, { lock, waiters, isUnseen }, { peers }) {
  const [head, below] = made.children;
  const [path, what, peer, place] = head.children;
  const [times, others, purpose] = below.children;
  const longest = Math.max(0, ...waiters.map(({ ageMs }) => ageMs));
  setClass(made, waiters.length > 0 ? 'wait' : '');
  if (lock) {
    setText(path, words.path(lock.path));
    setText(what, `${lock.write ? 'write' : 'read'} lock${KINDS[lock.state]}`);
    setText(peer, lock.peer);
    setText(place, words.place(peers.find(({ id }) => id === lock.peer)));
    setText(times, `for ${words.duration(lock.ageMs)}${expiry(lock)}${passes(lock)}`);
    setText(
      others,
      waiters.length > 0 ? `${waiting(waiters)} for this (${words.duration(longest)}): ${names(waiters)}` : '',
    );
    setText(purpose, lock.comment);
  } else {
    setText(path, isUnseen ? UNSEEN : 'They wait for a master');
    [what, peer, place, purpose].forEach((part) => {
      setText(part, '');
    });
    setText(times, `${waiting(waiters)} (${words.duration(longest)})`);
    setText(others, names(waiters));
  }
}

function waiting({ length }) {
  return length === 1 ? '1 waits' : `${words.whole(length)} wait`;
}

function names(waiters) {
  const ids = [...new Set(waiters.map(({ peer }) => peer))];
  const more = ids.length - MAX_NAMED;
  return ids.slice(0, MAX_NAMED).join(', ') + (more > 0 ? ` and ${words.whole(more)} more` : '');
}

function expiry({ expiresAt, hasExpired }) {
  if (hasExpired) {
    return ', has expired';
  }
  return expiresAt === null ? '' : `, until ${words.clock(expiresAt)}`;
}

/** The client has it of another one, and since then. */
function passes({ passed }) {
  return passed > 0 ? `, ${words.passes(passed)}` : '';
}
