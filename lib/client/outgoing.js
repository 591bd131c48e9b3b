'use strict';

// What is still to be sent, and what was sent and is not acknowledged: in order, in bounds, and nothing of it is lost
// with a connection. Pure: knows no sockets, no time, and not what the texts say.

/**
 * How many numbers there may be from the first unacknowledged one to the last: receivers know doubles by the last this
 * many numbers of a sender, and hubs end whoever is beyond.
 */
const MAX_UNACKNOWLEDGED = 8192;

/** From so many messages on requests wait: what must be sent without a wait finds room beyond. */
const MAX_BEFORE_REQUESTS = MAX_UNACKNOWLEDGED / 2;

/** How long all unsent and unacknowledged texts may be together, in UTF-16 units, before requests wait. */
const MAX_LENGTH = 64 * 1024 * 1024;

/** How many requests wait for room at most. What is asked beyond fails. */
const MAX_WAITING = 65_536;

/** How many messages that are no requests are kept at most: news beyond are dropped, and told to be missing. */
const MAX_KEPT = 8 * MAX_UNACKNOWLEDGED;

/**
 * What a message is to its sender.
 * - `request`: somebody waits for the answer, and can wait longer.
 * - `news`: others want to know. What they missed can be made up for.
 * - `duty`: must arrive: releases of locks, answers, a farewell.
 */
const KINDS = Object.freeze({ request: 'request', news: 'news', duty: 'duty' });

/**
 * @typedef {object} Entry
 * @property {string} text
 * @property {keyof typeof KINDS} kind
 * @property {string} [id] Of a request.
 * @property {number} [number] From its first sending with the extension on.
 * @property {boolean} [canComeTwice] Harmless, if it does.
 * @property {boolean} [isUncertain] Sent in a session of the hub that is over: its fate is not known.
 */

class Outgoing {
  /** Oldest first: those that this connection has been given, then the others. @type {Entry[]} */
  #entries = [];
  #given = 0;
  #length = 0;
  #lastNumber = 0;
  /** Requests without room. @type {Entry[]} */
  #waiting = [];

  /** Nothing is left to send, nor unacknowledged. */
  get isEmpty() {
    return this.#entries.length === 0 && this.#waiting.length === 0;
  }

  /** How many messages are kept, and wait. */
  get size() {
    return this.#entries.length + this.#waiting.length;
  }

  /** The highest number that was given. */
  get lastNumber() {
    return this.#lastNumber;
  }

  /**
   * Takes a message.
   * @param {Entry} entry
   * @returns {boolean} Whether there was room.
   */
  add(entry) {
    if (entry.kind === KINDS.request && (this.#isFull || this.#waiting.length > 0)) {
      if (this.#waiting.length >= MAX_WAITING) {
        return false;
      }
      this.#waiting.push(entry);
      return true;
    }
    if (entry.kind === KINDS.news && this.#entries.length >= MAX_KEPT) {
      return false;
    }
    this.#push(entry);
    return true;
  }

  get #isFull() {
    return this.#entries.length >= MAX_BEFORE_REQUESTS || this.#length >= MAX_LENGTH;
  }

  #push(entry) {
    this.#entries.push(entry);
    this.#length += entry.text.length;
  }

  /**
   * The next message for a connection with the extension: numbered, and kept until it is acknowledged.
   * @returns {Entry | undefined}
   */
  takeNumbered() {
    const entry = this.#entries[this.#given];
    if (!entry || (entry.number === undefined && this.#isAtLastNumber)) {
      return undefined;
    }
    this.#given++;
    entry.number ??= ++this.#lastNumber;
    return entry;
  }

  get #isAtLastNumber() {
    const first = this.#entries[0].number;
    return first !== undefined && this.#lastNumber - first + 1 >= MAX_UNACKNOWLEDGED;
  }

  /**
   * The next message for a connection without it: gone as soon as it is taken.
   * @returns {Entry | undefined}
   */
  takePlain() {
    const entry = this.#entries.shift();
    if (entry) {
      this.#length -= entry.text.length;
      this.#admit();
    }
    return entry;
  }

  /** All up to this number have arrived. */
  acknowledge(number) {
    const rest = this.#entries.findIndex((entry) => !(entry.number <= number));
    const count = rest < 0 ? this.#entries.length : rest;
    for (const { text } of this.#entries.splice(0, count)) {
      this.#length -= text.length;
    }
    this.#given = Math.max(this.#given - count, 0);
    this.#admit();
  }

  #admit() {
    while (this.#waiting.length > 0 && !this.#isFull) {
      this.#push(this.#waiting.shift());
    }
  }

  /** The hub's session goes on: it has had all up to this number, and is given the rest. */
  resume(had) {
    const rest = this.#entries.findIndex((entry) => !(entry.number <= had));
    this.#given = rest < 0 ? this.#entries.length : rest;
  }

  /** Another session of a hub: it is given everything, and told which of it was sent before. */
  restart() {
    for (const entry of this.#entries) {
      entry.isUncertain = entry.number !== undefined;
    }
    this.#given = 0;
  }

  /**
   * A hub without the extension: what was sent before cannot be sent again, for nobody would notice that it comes
   * twice.
   * @returns {Entry[]} What was sent and not acknowledged, but for what may come twice: that is sent again.
   */
  giveUpSent() {
    const sent = this.#entries.filter((entry) => entry.number !== undefined && !entry.canComeTwice);
    this.#entries = this.#entries.filter((entry) => !sent.includes(entry));
    this.#given = 0;
    for (const { text } of sent) {
      this.#length -= text.length;
    }
    this.#admit();
    return sent;
  }

  /**
   * Takes a request back, where it was never sent.
   * @returns {boolean} Whether nobody will ever see it.
   */
  withdraw(id) {
    const isMeant = (entry) => entry.id === id && entry.number === undefined;
    const waiting = this.#waiting.findIndex(isMeant);
    if (waiting >= 0) {
      this.#waiting.splice(waiting, 1);
      return true;
    }
    const kept = this.#entries.findIndex(isMeant);
    if (kept >= 0) {
      this.#length -= this.#entries[kept].text.length;
      this.#entries.splice(kept, 1);
    }
    return kept >= 0;
  }

  /** Which requests are here that no hub has ever been sent. @returns {Set<string | undefined>} */
  get unsent() {
    const unnumbered = this.#entries.filter((entry) => entry.number === undefined);
    return new Set([...unnumbered, ...this.#waiting].map(({ id }) => id));
  }
}

module.exports = { KINDS, MAX_KEPT, MAX_UNACKNOWLEDGED, MAX_WAITING, Outgoing };
