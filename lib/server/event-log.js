'use strict';

// What the log says of each of the addon's events, and which of them must be produced for it.

const { duration } = require('../words.js');
const { LineThrottle, PERIOD } = require('./line-throttle.js');

/** Events that the addon only produces when asked, and the level from which the log has lines of them. */
const ON_DEMAND_LEVELS = {
  connect: 'info',
  disconnect: 'info',
  refused: 'warn',
  trouble: 'error',
  coordination: 'warn',
  trace: 'debug',
};

/** Whether a log needs the addon to produce this event. */
function logNeeds(log, name) {
  return name in ON_DEMAND_LEVELS && log.isOn(ON_DEMAND_LEVELS[name]);
}

/** Events that any client can cause as often as it likes. Refusals are told now and then by the addon already. */
const OF_CLIENTS = ['connect', 'identified', 'disconnect', 'coordination', 'trouble'];

/** The lines of a server's events. */
class EventLog {
  #log;
  #throttle = new LineThrottle((kind, leftOut) => {
    const message = `${leftOut} more lines of the kind "${kind}" were left out within ${PERIOD / 1000} s`;
    this.#log.write('info', message, { event: 'left-out', kind, leftOut });
  });

  /** @param {import('./log.js').Log} log */
  constructor(log) {
    this.#log = log;
  }

  /**
   * Writes the line of an event, if it has one at the log's level.
   * @param {import('../../native.js').NativeEvent} event
   */
  write(event) {
    const line = describe(event);
    if (line && this.#log.isOn(line.level) && this.#isAllowed(event)) {
      this.#log.write(line.level, line.message, line.details);
    }
  }

  #isAllowed({ type, code }) {
    return !OF_CLIENTS.includes(type) || this.#throttle.allows(code ?? type);
  }
}

function describe(event) {
  const { type, db, id, code, message, reason, to, bytes, level } = event;
  const peer = { event: type, dbname: db, id };
  switch (type) {
    case 'connect':
      return info(`${id} has joined ${db}${from(event)}`, { ...peer, ...place(event) });
    case 'disconnect':
      return {
        level,
        message: `${id} has left ${db}${from(event)}: ${message}`,
        details: { ...peer, reason, ...place(event) },
      };
    case 'identified':
      return info(`${id} of ${db} is process ${event.pid} (${event.command})`, { ...peer, ...place(event) });
    case 'refused':
      return refusal(event);
    case 'trouble':
      return trouble(event);
    case 'coordination':
      return {
        level: event.level,
        // Most of these sentences name the client.
        message: `${code} in ${db}: ${message}${message.includes(id) ? '' : ` (${id})`}`,
        details: { ...peer, kind: code, detail: message },
      };
    case 'trace': {
      const text = `${id ?? 'the server'} to ${to ?? 'all'} of ${db}, ${bytes} bytes, ${code}: ${event.text}`;
      return { level: 'debug', message: text, details: { ...peer, to, bytes, fate: code, text: event.text } };
    }
    case 'notice':
      return info(message, { event: type, code });
    case 'warning':
      return { level: 'warn', message, details: { event: type, code } };
    case 'error':
    case 'failed':
      return { level: 'error', message, details: { event: type } };
    default:
      // Messages themselves are never logged: they are the user's data.
      return undefined;
  }
}

/** Several that were alike are one line. */
function refusal(event) {
  const { type, db, reason, status, leftOut } = event;
  const others = leftOut > 0 ? `, and ${leftOut} more like it` : '';
  const details = { event: type, dbname: db, reason, status, leftOut, ...place(event) };
  const why = REFUSALS[reason] ? `${REFUSALS[reason]} (${reason}, ${status})` : `${reason} (${status})`;
  const message = `A client${from(event).replace(' from', ' at')} was refused for ${db}: ${why}${others}`;
  return { level: 'warn', message, details };
}

/** Reasons that one word does not tell enough of. */
const REFUSALS = {
  'token-missing': 'it sends no token',
  'token-wrong': 'its token is wrong',
  unlisted: 'no token opens this database',
  master: 'another master is connected and alive',
  origin: 'a web page of another origin asked',
  hub: 'it says that it is another hub of the cluster, and does not know its secret',
};

/** What has begun says what to do; what is over, how long it has taken. */
function trouble(event) {
  const { type, db, id, code, message, advice, age, level, isOver } = event;
  const details = { event: type, kind: code, dbname: db, id, ageMs: age, isOver, ...place(event) };
  const where = db ? ` in ${db}` : '';
  if (level === 'info') {
    // What is only to be known has happened, and is never over.
    return isOver ? undefined : info(`NOTE${where}: ${message}. ${advice}`, details);
  }
  return isOver
    ? info(`TROUBLE OVER after ${duration(age)}${where}: ${message}`, details)
    : { level, message: `TROUBLE${where}: ${message}. ${advice}`, details };
}

/** From where a client is connected; nothing where that is not known. */
function from({ remote, remotePort, pid, command }) {
  if (remote === undefined) {
    return '';
  }
  const host = remote.includes(':') ? `[${remote}]` : remote;
  const its = pid === undefined ? '' : `, process ${pid} (${command})`;
  return ` from ${remotePort === undefined ? remote : `${host}:${remotePort}`}${its}`;
}

function place({ remote, remotePort = null, pid = null, command = null }) {
  return remote === undefined ? {} : { remote, remotePort, pid, command };
}

function info(message, details) {
  return { level: 'info', message, details };
}

module.exports = { EventLog, logNeeds };
