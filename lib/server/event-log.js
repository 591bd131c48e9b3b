'use strict';

// What the log says of each of the addon's events, and which of them must be produced for it.

const { LineThrottle, PERIOD } = require('./line-throttle.js');

/** Events that the addon only produces when asked, and the level from which the log has lines of them. */
const ON_DEMAND_LEVELS = {
  connect: 'info',
  disconnect: 'info',
  refused: 'info',
  coordination: 'warn',
  trace: 'debug',
};

/** Whether a log needs the addon to produce this event. */
function logNeeds(log, name) {
  return name in ON_DEMAND_LEVELS && log.isOn(ON_DEMAND_LEVELS[name]);
}

/** Events that any client can cause as often as it likes. Refusals are told now and then by the addon already. */
const OF_CLIENTS = ['connect', 'disconnect', 'coordination'];

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
  const { type, db, id, code, message, reason, to, bytes } = event;
  const peer = { event: type, dbname: db, id };
  switch (type) {
    case 'connect':
      return info(`${id} has joined ${db}`, peer);
    case 'disconnect':
      return info(`${id} has left ${db} (${reason})`, { ...peer, reason });
    case 'refused':
      return refusal(event);
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
function refusal({ type, db, reason, status, remote, leftOut }) {
  const others = leftOut > 0 ? `, and ${leftOut} more like it` : '';
  const details = { event: type, dbname: db, reason, status, remote, leftOut };
  return info(`A client at ${remote} was refused for ${db}: ${reason} (${status})${others}`, details);
}

function info(message, details) {
  return { level: 'info', message, details };
}

module.exports = { EventLog, logNeeds };
