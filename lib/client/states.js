'use strict';

// How the connection is, told to the log and to the program: each change once. Knows nothing of how it came about.

const { nameOf } = require('./hubs.js');
const { loggerOf } = require('./requests.js');

/** The event of the peer. */
const EVENT = 'connection';

const STATES = Object.freeze({ connected: 'connected', lost: 'lost', resumed: 'resumed', refused: 'refused' });

/** What the server means by the status of a refusal. */
const REFUSALS = {
  403: 'the token is wrong, or none was given',
  409: 'the server does not take this version of the protocol',
  503: 'the server stops, or is not ready',
};

class States {
  #peer;
  #last;
  /** Why there is no connection. @type {string | undefined} */
  #trouble;

  /** @param {object} peer AceBase's. */
  constructor(peer) {
    this.#peer = peer;
  }

  /** Why there is no connection, for an error's text; `undefined`: there is one, or none was tried yet. */
  get trouble() {
    return this.#trouble;
  }

  connected(place) {
    this.#tell('info', { state: STATES.connected, hub: nameOf(place) });
  }

  resumed(place) {
    this.#tell('info', { state: STATES.resumed, hub: nameOf(place) });
  }

  lost({ code, reason }, place) {
    this.#tell('warn', { state: STATES.lost, hub: nameOf(place), code, reason });
  }

  refused({ status, code, reason }, place) {
    const meaning = REFUSALS[status];
    this.#tell('error', {
      state: STATES.refused,
      hub: place && nameOf(place),
      status,
      code,
      reason: meaning ? `${meaning} (${reason})` : reason,
    });
  }

  /** Attempts that fail in the same way again are no change. */
  #tell(level, event) {
    const { state, hub = '', reason = '' } = event;
    const change = `${state} ${hub} ${reason}`;
    if (change === this.#last) {
      return;
    }
    this.#last = change;
    this.#trouble = state === STATES.lost || state === STATES.refused ? describe(event) : undefined;
    const logger = loggerOf(this.#peer);
    // Old loggers have no `info`.
    const log = logger?.[level] ?? logger?.log;
    log?.call(logger, sentence(event));
    this.#peer.emit(EVENT, event);
  }
}

function describe({ state, hub, reason }) {
  return state === STATES.lost
    ? `the connection to ${hub} was lost (${reason})`
    : `there is no connection${hub ? ` to ${hub}` : ''}: ${reason}`;
}

function sentence(event) {
  const { state, hub } = event;
  switch (state) {
    case STATES.connected:
      return `IPC: connected to ${hub}`;
    case STATES.resumed:
      return `IPC: connected to ${hub} again, and nothing was missed`;
    case STATES.lost:
      return `IPC: ${describe(event)}. What is sent waits until there is another one`;
    default:
      return `IPC: ${describe(event)}`;
  }
}

module.exports = { States };
