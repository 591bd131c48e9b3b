'use strict';

// The requests of a peer that wait for an answer. Each comes to an end: by the answer, or by an error. Knows how
// AceBase's peer keeps them, and nothing of connections.

const { Deadlines } = require('./deadlines.js');
const { LONGEST } = require('./settings.js');
const { Transactions } = require('./transactions.js');

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

/** What becomes of those whose transaction has outlived a lock. */
const REFUSAL = ['ERR_IPC_LOCK_EXPIRED', 'is given up: a lock of its transaction has expired, and others may write'];

/** How many requests that were given up are remembered at most: what they are granted too late is given back. */
const MAX_GIVEN_UP = 10_000;

/** The shortest time between two looks for locks that have ended, in milliseconds. */
const LOOK_INTERVAL = 10;

/**
 * @typedef {object} Outcome What an answer is to its receiver.
 * @property {boolean} isAwaited
 * @property {boolean} [mustWait] AceBase must hear of it in the next turn of the event loop, and not before: what was
 *   refused because of it comes to its end first.
 * @property {string} [tooLate] What it grants goes back, for nobody waits for it any more: the kind of its request.
 */

class Requests {
  #peer;
  #limit;
  #deadlines;
  #transactions;
  #withdraw;
  #trouble;
  /** What they asked for, by their ids. @type {Map<string, string>} */
  #givenUp = new Map();
  /** Runs until a lock may have ended. */
  #timer;

  /**
   * @param {object} peer AceBase's.
   * @param {{ requestTimeout: number, lockTimeout: number }} limits How long a request may stand still, and how long a
   *   master lets a lock last, in milliseconds.
   * @param {(id: string) => boolean} withdraw Takes a request back where it has never been sent.
   * @param {() => string | undefined} [trouble] Why there is no connection, where there is none.
   */
  constructor(peer, { requestTimeout, lockTimeout }, withdraw, trouble = () => undefined) {
    this.#peer = peer;
    this.#limit = requestTimeout;
    this.#withdraw = withdraw;
    this.#trouble = trouble;
    this.#deadlines = new Deadlines(requestTimeout, (id) => this.#expire(id));
    this.#transactions = new Transactions(lockTimeout);
  }

  /**
   * A request is made. A lock is granted when those before it are returned; all else is answered at once.
   * @returns {boolean} Whether it is to be sent. If not, it has failed.
   */
  begin(request) {
    const { id, type } = request;
    const now = performance.now();
    this.#transactions.ask(request, now);
    if (this.#transactions.isRefused(id, now)) {
      this.fail(id, ...REFUSAL);
      return false;
    }
    this.#deadlines.add(id, type === 'lock-request');
    return true;
  }

  /** Another process has written: what waits for a lock has moved on. */
  othersMoved() {
    this.#deadlines.othersMoved();
  }

  #expire(id) {
    const trouble = this.#trouble();
    const why = trouble ? `: ${trouble}` : '';
    this.#giveUp(id, 'ERR_IPC_TIMEOUT', `was not answered within ${this.#limit} ms${why}`);
  }

  #refuse(id) {
    this.#giveUp(id, ...REFUSAL);
  }

  /** Should it be answered nevertheless, what it is granted goes back. */
  #giveUp(id, code, what) {
    const request = this.#peer._requests.get(id)?.request;
    const wasSent = !this.#withdraw(id);
    this.fail(id, code, what);
    if (request && wasSent) {
      this.#givenUp.set(id, kindOf(request));
    }
    if (this.#givenUp.size > MAX_GIVEN_UP) {
      this.#givenUp.delete(this.#givenUp.keys().next().value);
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
    this.#transactions.settle(id);
    const message = `The ${nameOf(waiting.request)} to the IPC master ${what}`;
    if (this.#isUnguarded(id)) {
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
   * @param {object} message
   * @param {string} [life] Its sender's, where that has the extension.
   * @returns {Outcome}
   */
  answer(message, life) {
    const { id, type, ok, reason } = message;
    const isLock = type === 'lock-result';
    if (!this.#isWaiting(id, isLock)) {
      return this.#comesToNobody(message);
    }
    if (ok !== true && this.#isUnguarded(id)) {
      this.fail(id, 'ERR_IPC_REFUSED', `was refused: ${reason}`);
      return { isAwaited: false };
    }
    if (ok === true && this.#comesTooLate(message)) {
      this.#refuse(id);
      return this.#comesToNobody(message);
    }
    this.#deadlines.answered(id);
    const mustWait = isLock && ok === true && this.#granted(message, life);
    this.#transactions.settle(id);
    return { isAwaited: true, mustWait };
  }

  /** One that is on its way to AceBase has its answer. */
  #isWaiting(id, isLock) {
    return this.#peer._requests.has(id) && (!isLock || this.#transactions.knows(id));
  }

  #isUnguarded(id) {
    return UNGUARDED.has(this.#peer._requests.get(id).request?.data?.type);
  }

  #comesToNobody({ id, ok }) {
    const kind = this.#givenUp.get(id);
    this.#givenUp.delete(id);
    return { isAwaited: false, tooLate: ok === true ? kind : undefined };
  }

  #comesTooLate(message) {
    const now = performance.now();
    const isOver = message.type === 'lock-result' && this.#transactions.isOverAlready(message, now, Date.now());
    return isOver || this.#transactions.isRefused(message.id, now);
  }

  #granted(message, life) {
    const haveOthersLost = this.#transactions.granted(message, life, performance.now(), Date.now());
    if (haveOthersLost) {
      this.#refuseThoseWithoutLock();
    }
    this.#timer ??= this.#waitForEnd();
    return haveOthersLost;
  }

  #refuseThoseWithoutLock() {
    for (const id of this.#transactions.refused(performance.now())) {
      this.#refuse(id);
    }
  }

  #waitForEnd() {
    const { nextEnd } = this.#transactions;
    if (nextEnd === Number.POSITIVE_INFINITY) {
      return undefined;
    }
    const duration = Math.min(Math.max(nextEnd - performance.now(), LOOK_INTERVAL), LONGEST);
    return setTimeout(() => {
      this.#refuseThoseWithoutLock();
      this.#timer = this.#waitForEnd();
    }, duration).unref();
  }

  /** A lock is returned. */
  returned(lockId) {
    this.#transactions.returned(lockId);
  }

  /** The locks of this process that count. */
  get locks() {
    return this.#transactions.locks;
  }

  /** Those that wait for an answer. @returns {object[]} Messages. */
  get pending() {
    return [...this.#peer._requests.values()].map(({ request }) => request).filter(Boolean);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#deadlines.stop();
  }
}

/** What a request is for. */
function kindOf({ type, data }) {
  return type === 'request' ? data?.type : type;
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
