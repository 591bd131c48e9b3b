'use strict';

// What transactions are called to others: one that goes on under the lock of another one bears its name, for that is
// whose lock it is to the hub and the master. Pure.

const { randomBytes } = require('node:crypto');

/** What makes a name another one, in bytes. */
const SUFFIX = 4;

class Aliases {
  /** By the transaction's own name. No two have the same. @type {Map<string, string>} */
  #aliases = new Map();

  /**
   * A transaction goes on under the lock of another one, which was the last that this process had.
   * @param {string} former
   * @param {string} tid
   */
  succeed(former, tid) {
    const alias = this.of(former);
    this.#aliases.clear();
    if (alias !== tid) {
      this.#aliases.set(tid, alias);
    }
  }

  /** A transaction has returned its last lock. Where nobody says so, this is forgotten with the next `succeed`. */
  forget(tid) {
    this.#aliases.delete(tid);
  }

  /** What a transaction is called to others. */
  of(tid) {
    return this.#aliases.get(tid) ?? tid;
  }

  /**
   * The same, for one that asks for a lock. Where it has returned its lock, and another one goes on under its name, it
   * gets a new one.
   */
  assign(tid) {
    if (this.#aliases.size > 0 && !this.#aliases.has(tid) && this.whoIs(tid) !== tid) {
      this.#aliases.set(tid, `${tid}-${randomBytes(SUFFIX).toString('hex')}`);
    }
    return this.of(tid);
  }

  /** The transaction that others call so. */
  whoIs(name) {
    for (const [tid, alias] of this.#aliases) {
      if (alias === name) {
        return tid;
      }
    }
    return name;
  }
}

module.exports = { Aliases };
