'use strict';

// The locks that this process holds, and which of them are over though they were not returned: the master has let
// others write since, or may have, and what a transaction knows of the files under such a lock is no longer true. Pure:
// it is told the time.

/**
 * How many locks are known at most: more than anybody has who does not read a huge tree at once. Beyond, the oldest are
 * forgotten, and nothing is refused on their account.
 */
const MAX_HELD = 65_536;

/**
 * @typedef {object} Grant
 * @property {number} id The master's number. Locks of two masters may have the same.
 * @property {string} tid The transaction's id.
 * @property {string} path
 * @property {boolean} write
 * @property {number} [expires] When it ends, in milliseconds since the epoch, by the master's clock.
 * @property {string} [comment]
 * @property {string} [by] The life of the master that granted it, where that is known.
 * @property {number} ends When it ends, by the clock of those who ask here; `Infinity`: that is not known.
 *
 * @typedef {Grant & { isOver: boolean }} Held
 */

class HeldLocks {
  /** By number, oldest first. @type {Map<number, Held[]>} */
  #numbered = new Map();
  /**
   * By transaction, oldest first. `over`: how many of them are.
   * @type {Map<string, { locks: Set<Held>, over: number }>}
   */
  #transactions = new Map();
  /** @type {Set<Held>} */
  #toWrite = new Set();
  /** Those that will be over. @type {Set<Held>} */
  #ending = new Set();
  /** When the first of them is, or one that was returned meanwhile would have been. */
  #nextEnd = Number.POSITIVE_INFINITY;
  #count = 0;

  /**
   * A lock is granted. Those of other transactions that exclude it are over: the master grants none beside them.
   * @param {Grant} grant
   * @returns {boolean} Whether there were such.
   */
  add(grant) {
    const lock = { ...grant, isOver: false };
    const lost = this.#excluding(lock);
    for (const other of lost) {
      this.#end(other);
    }
    if (this.#count >= MAX_HELD) {
      const [oldest] = this.#all();
      this.#forget(oldest);
    }
    this.#keep(lock);
    return lost.length > 0;
  }

  #excluding({ tid, write }) {
    const candidates = write ? this.#all() : this.#toWrite;
    return [...candidates].filter((other) => other.tid !== tid && !other.isOver);
  }

  *#all() {
    for (const { locks } of this.#transactions.values()) {
      yield* locks;
    }
  }

  #keep(lock) {
    const { id, tid, write, ends } = lock;
    this.#count++;
    this.#numbered.set(id, [...(this.#numbered.get(id) ?? []), lock]);
    if (!this.#transactions.has(tid)) {
      this.#transactions.set(tid, { locks: new Set(), over: 0 });
    }
    this.#transactions.get(tid).locks.add(lock);
    if (write) {
      this.#toWrite.add(lock);
    }
    if (ends !== Number.POSITIVE_INFINITY) {
      this.#ending.add(lock);
      this.#nextEnd = Math.min(this.#nextEnd, ends);
    }
  }

  #end(lock) {
    lock.isOver = true;
    this.#transactions.get(lock.tid).over++;
    this.#ending.delete(lock);
  }

  /**
   * A lock is returned, or replaced. Where two have its number it is the older one, as it is for the hub.
   * @param {number} id
   */
  delete(id) {
    const lock = this.#numbered.get(id)?.[0];
    if (lock) {
      this.#forget(lock);
    }
  }

  #forget(lock) {
    const { id, tid, isOver } = lock;
    this.#count--;
    this.#toWrite.delete(lock);
    this.#ending.delete(lock);
    const others = this.#numbered.get(id).filter((other) => other !== lock);
    if (others.length > 0) {
      this.#numbered.set(id, others);
    } else {
      this.#numbered.delete(id);
    }
    const transaction = this.#transactions.get(tid);
    transaction.locks.delete(lock);
    transaction.over -= isOver ? 1 : 0;
    if (transaction.locks.size === 0) {
      this.#transactions.delete(tid);
    }
  }

  /** Time passes. */
  expire(now) {
    if (now < this.#nextEnd) {
      return;
    }
    this.#nextEnd = Number.POSITIVE_INFINITY;
    for (const lock of this.#ending) {
      if (lock.ends <= now) {
        this.#end(lock);
      } else {
        this.#nextEnd = Math.min(this.#nextEnd, lock.ends);
      }
    }
  }

  /** None is over before. `Infinity`: none ends. */
  get nextEnd() {
    return this.#nextEnd;
  }

  /** Whether a transaction has not returned a lock that is over. The master grants it no other until it has. */
  isOver(tid) {
    return this.#transactions.get(tid)?.over > 0;
  }

  /** Whose lock it is. @returns {string | undefined} A transaction. Nothing: not known, or two have the number. */
  ownerOf(id) {
    const [lock, another] = this.#numbered.get(id) ?? [];
    return another ? undefined : lock?.tid;
  }

  /** Whether it is still held, over or not. */
  has(lock) {
    return this.#transactions.get(lock.tid)?.locks.has(lock) ?? false;
  }

  /** Those to write. @returns {Held[]} */
  get toWrite() {
    return [...this.#toWrite];
  }

  /** Those that are not over. @returns {Held[]} */
  get valid() {
    return [...this.#all()].filter(({ isOver }) => !isOver);
  }
}

module.exports = { HeldLocks, MAX_HELD };
