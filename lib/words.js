'use strict';

// Figures in words, for people: the same in a terminal and on the live page. Pure, and without `require`: the server
// serves this file to the page, too, as a module (src/observe/page.rs).

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const FINE = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** How a thing is counted: `1 peer`, `2 peers`. */
function counted(count, noun) {
  return `${WHOLE.format(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A whole number. */
function whole(number) {
  return WHOLE.format(number);
}

/** Something a second; nothing while it is not known. */
function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) {
    return '–';
  }
  return `${(perSecond < 10 ? FINE : WHOLE).format(perSecond)}/s`;
}

/** A size in its greatest unit. */
function bytes(size) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let left = size;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${(left < 10 && unit > 0 ? FINE : WHOLE).format(left)} ${units[unit]}`;
}

/** A duration in its two greatest units. */
function duration(ms) {
  if (ms < 1000) {
    return `${WHOLE.format(Math.max(0, ms))} ms`;
  }
  const seconds = ms / 1000;
  if (seconds < 60) {
    return `${(seconds < 10 ? FINE : WHOLE).format(seconds)} s`;
  }
  const parts = [
    ['d', Math.floor(seconds / 86400)],
    ['h', Math.floor(seconds / 3600) % 24],
    ['min', Math.floor(seconds / 60) % 60],
    ['s', Math.floor(seconds) % 60],
  ];
  const first = parts.findIndex(([, amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([, amount]) => amount > 0)
    .map(([unit, amount]) => `${amount} ${unit}`)
    .join(' ');
}

/** A round trip, which is mostly below a millisecond. */
function roundTrip(micros) {
  if (micros === null) {
    return '–';
  }
  return micros < 1000 ? `${WHOLE.format(micros)} µs` : `${FINE.format(micros / 1000)} ms`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** The time of day, where the reader is. */
function clock(at) {
  return CLOCK.format(at);
}

/** Whether a database has its master; nothing where it needs none. */
function master({ masterPresent, needsMaster }) {
  return masterPresent ? 'present' : needsMaster ? 'absent' : '–';
}

/** Where a client is: its address, and its process or the hub that it has come by, where that is known. */
function place(peer) {
  if (!peer?.remote) {
    return '';
  }
  const process = peer.pid === null ? '' : `, process ${peer.pid}${peer.command ? ` (${peer.command})` : ''}`;
  return `${peer.remote}${process}${peer.via ? ` via ${peer.via}` : ''}`;
}

/** Whether the engine of several hubs answers, since when, and why not. */
function engine({ state, sinceMs, fault }) {
  const since = sinceMs === null ? '' : ` for ${duration(sinceMs)}`;
  return `${state}${since}${fault ? ` (${fault})` : ''}`;
}

/** Why nobody has a database, by the word of the report. */
const NOBODYS = {
  asking: 'nobody has it yet',
  'engine-down': 'the engine does not answer, and nobody is known to have it',
  'given-up': 'this hub had it, and has given it up',
  leaving: 'this hub leaves it to another one',
};

/** Why none of several hubs has a database. */
function nobody(state) {
  return NOBODYS[state] ?? state;
}

/** A database path as AceBase users write it. */
function path(text) {
  return `/${text}`;
}

/** How often a lock went on from worker to worker; nothing where none did, or nobody counts. */
function passes(times) {
  if (!(times > 0)) {
    return '';
  }
  return `passed on ${times === 1 ? 'once' : `${WHOLE.format(times)} times`}`;
}

/** The state of a lock, and what there is to say of it. */
function lockState({ state, passed, hasExpired }) {
  return [state, passes(passed), hasExpired && 'expired'].filter(Boolean).join(', ');
}

module.exports = {
  bytes,
  clock,
  counted,
  duration,
  engine,
  lockState,
  master,
  nobody,
  passes,
  path,
  place,
  rate,
  roundTrip,
  whole,
};
