'use strict';

// The requests of a peer that wait for an answer. Each comes to an end: by the answer, or by an error. Knows how
// AceBase's peer keeps them, and nothing of connections.

const { Deadlines } = require('./deadlines.js');

/** Types of messages that somebody awaits the answer of. */
const REQUESTS = new Set(['lock-request', 'move-lock-request', 'request']);

/** Types of answers. */
const ANSWERS = new Set(['lock-result', 'unlock-result', 'result']);

/**
 * Requests whose failure AceBase's code does not catch, so that it would end the process. All of them can be done
 * without: a key is written in full, and a piece of the file stays unused.
 */
const UNGUARDED = new Set(['kit.add', 'fst.release']);

/** What stands for the answer of those. */
const NO_ANSWER = Object.freeze({ ok: false, index: -1 });

/** How many requests that were given up are remembered at most: a lock that is granted too late is given back. */
const MAX_GIVEN_UP = 10_000;

class Requests {
  #peer;
  #limit;
  #deadlines;
  #trouble;
  #givenUp = new Set();

  /**
   * @param {object} peer AceBase's.
   * @param {number} limit How long a request may stand still, in milliseconds.
   * @param {(id: string) => boolean} withdraw Takes a request back where it has never been sent.
   * @param {() => string | undefined} [trouble] Why there is no connection, where there is none.
   */
  constructor(peer, limit, withdraw, trouble = () => undefined) {
    this.#peer = peer;
    this.#limit = limit;
    this.#trouble = trouble;
    this.#deadlines = new Deadlines(limit, (id) => this.#expire(id, withdraw));
  }

  /** A request is on its way. A lock is granted when those before it are returned; all else is answered at once. */
  begin({ id, type }) {
    this.#deadlines.add(id, type === 'lock-request');
  }

  /** Another process has written: what waits for a lock has moved on. */
  othersMoved() {
    this.#deadlines.othersMoved();
  }

  /** Whether the hub lets messages get lost: it does not know the extension. */
  mayLose(loses) {
    this.#deadlines.mayLose(loses);
  }

  #expire(id, withdraw) {
    const wasSent = !withdraw(id);
    const trouble = this.#trouble();
    const why = trouble ? `: ${trouble}` : '';
    this.fail(id, 'ERR_IPC_TIMEOUT', `was not answered within ${this.#limit} ms${why}`);
    if (wasSent) {
      this.#giveUp(id);
    }
  }

  #giveUp(id) {
    this.#givenUp.add(id);
    if (this.#givenUp.size > MAX_GIVEN_UP) {
      this.#givenUp.delete(this.#givenUp.values().next().value);
    }
  }

  /**
   * A request fails.
   * @param {string} id
   * @param {string} code
   * @param {string} what Happened to it.
   */
  fail(id, code, what) {
    const waiting = this.#peer._requests.get(id);
    if (!waiting) {
      return;
    }
    this.#deadlines.delete(id);
    const message = `The ${nameOf(waiting.request)} to the IPC master ${what}`;
    if (UNGUARDED.has(waiting.request?.data?.type)) {
      loggerOf(this.#peer)?.warn(message);
      waiting.resolve(NO_ANSWER);
    } else {
      waiting.reject(Object.assign(new Error(message), { code }));
    }
  }

  /** A request needs no answer. */
  settle(id, result) {
    this.#peer._requests.get(id)?.resolve(result);
  }

  /**
   * An answer has come.
   * @returns {'awaited' | 'late' | 'unknown'} `late`: its request was given up; it is for nobody.
   */
  answer({ id, ok, reason }) {
    const waiting = this.#peer._requests.get(id);
    if (!waiting) {
      return this.#givenUp.delete(id) ? 'late' : 'unknown';
    }
    if (ok !== true && UNGUARDED.has(waiting.request?.data?.type)) {
      this.fail(id, 'ERR_IPC_REFUSED', `was refused: ${reason}`);
      return 'unknown';
    }
    this.#deadlines.answered(id);
    return 'awaited';
  }

  /** Those that wait for an answer. @returns {object[]} Messages. */
  get pending() {
    return [...this.#peer._requests.values()].map(({ request }) => request).filter(Boolean);
  }

  stop() {
    this.#deadlines.stop();
  }
}

/** How a request is called in an error. */
function nameOf({ type, data }) {
  return type === 'request' ? `request "${data?.type}"` : type;
}

/** AceBase's own logger: it has been in two places. */
function loggerOf({ logger, storage }) {
  return logger ?? storage?.logger ?? storage?.debug;
}

module.exports = { ANSWERS, loggerOf, REQUESTS, Requests };
