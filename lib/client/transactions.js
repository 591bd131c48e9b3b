'use strict';

// Which requests of this process may not go on: those of transactions that have outlived a lock. The master refuses
// such a transaction its next lock, but not the space that it asks for, and refuses nothing while nobody can reach it:
// until then the transaction keeps others of its process waiting that need what it has begun to look up. Pure: it is
// told the time.

const { HeldLocks } = require('./held-locks.js');

/** What a transaction asks for that has a lock to write: space in the file. It does not say which transaction. */
const ALLOCATE = 'fst.allocate';

/**
 * @typedef {object} Ask
 * @property {number} since When it was made, in milliseconds.
 * @property {string} [tid] The transaction's id, where it is known.
 * @property {number} [replaces] The number of the lock that it moves.
 * @property {import('./held-locks.js').Held[]} [locks] Those one of which its transaction has.
 */

class Transactions {
  #held = new HeldLocks();
  /** By the request's id. @type {Map<string, Ask>} */
  #asks = new Map();
  #lockTimeout;

  /** @param {number} lockTimeout How long a master lets a lock last, in milliseconds. */
  constructor(lockTimeout) {
    this.#lockTimeout = lockTimeout;
  }

  /** A request is made. */
  ask({ id, type, data }, now) {
    if (type === 'lock-request') {
      this.#asks.set(id, { since: now, tid: data.tid });
    } else if (type === 'move-lock-request') {
      this.#asks.set(id, { since: now, tid: this.#held.ownerOf(data.id), replaces: data.id });
    } else if (data?.type === ALLOCATE) {
      this.#asks.set(id, { since: now, locks: this.#held.toWrite });
    }
  }

  /** Whether a request is under way that asks for a lock, or space. */
  knows(id) {
    return this.#asks.has(id);
  }

  /** It needs no answer any more. */
  settle(id) {
    this.#asks.delete(id);
  }

  /** The requests under way that may not go on. @returns {string[]} Their ids. */
  refused(now) {
    return [...this.#asks.keys()].filter((id) => this.isRefused(id, now));
  }

  /** Whether a request may not go on. */
  isRefused(id, now) {
    const ask = this.#asks.get(id);
    this.#held.expire(now);
    return ask !== undefined && (ask.locks ? this.#areOver(ask.locks) : this.#held.isOver(ask.tid));
  }

  /**
   * Space is for one of the transactions that had a lock to write when it was asked for, and have it still: it is not
   * known for which. So it is refused only where each of them has outlived its locks. What is asked for by one that
   * has, while another one of the same process may write, is not seen.
   */
  #areOver(locks) {
    const possible = locks.filter((lock) => this.#held.has(lock));
    return possible.length > 0 && possible.every(({ isOver }) => isOver);
  }

  /** Whether the lock that a master grants was over when it came: it was under way for as long as a lock lasts. */
  isOverAlready({ id, data }, now, wallClock) {
    return this.#endOf(data, this.#asks.get(id), now, wallClock) <= now;
  }

  /**
   * A master grants a lock.
   * @param {{ id: string, data: object }} result
   * @param {string} [life] The master's.
   * @param {number} now
   * @param {number} wallClock The time, in milliseconds since the epoch.
   * @returns {boolean} Whether other transactions have lost theirs, as this shows.
   */
  granted({ id, data }, life, now, wallClock) {
    const ask = this.#asks.get(id);
    if (ask?.replaces !== undefined) {
      this.#held.delete(ask.replaces);
    }
    const { id: number, tid = ask?.tid, path, write, expires, comment } = data;
    const ends = this.#endOf(data, ask, now, wallClock);
    return this.#held.add({ id: number, tid, path, write, expires, comment, by: life, ends });
  }

  /**
   * A lock that comes when it has ended, and was not under way for so long, tells of clocks that differ: then nothing
   * is known of its end.
   */
  #endOf({ expires }, ask, now, wallClock) {
    if (!Number.isFinite(expires)) {
      return Number.POSITIVE_INFINITY;
    }
    const left = expires - wallClock;
    if (left > 0) {
      return now + left;
    }
    return now - ask?.since >= this.#lockTimeout ? now : Number.POSITIVE_INFINITY;
  }

  /** A lock is returned. */
  returned(lockId) {
    this.#held.delete(lockId);
  }

  /** No request is refused before, if no lock is granted. `Infinity`: none at all. */
  get nextEnd() {
    return this.#held.nextEnd;
  }

  /** The locks that count. @returns {import('./held-locks.js').Held[]} */
  get locks() {
    return this.#held.valid;
  }
}

module.exports = { Transactions };
