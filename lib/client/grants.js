'use strict';

// The locks that this worker was granted by others: whose they are, by whom they were granted, since when, until when,
// and whether they can be relied on. Knows nothing of what they are for.

/** The locks of which it is remembered at most. */
const MAX_GRANTS = 10_000;

/** A lock is young for so much of its time: who goes on under it has nearly all of it. */
const YOUTH = 1 / 10;

/** The longest time that a lock is believed to have left when it is granted, in milliseconds, as the hub has it. */
const LONGEST_LOCK = 60 * 60_000;

/**
 * @typedef {object} Grant
 * @property {string} tid The transaction that has it.
 * @property {boolean} write
 * @property {number} expires By the master's clock.
 * @property {string} [life] Of the master that granted it, where that is known.
 * @property {number} since By this process's own clock, which nobody sets.
 * @property {number} [ends] By the same, where that is known.
 * @property {boolean} [isDoubtful] Somebody may have granted others since what it excludes.
 */

class Grants {
  /** By the lock's id. @type {Map<number, Grant>} */
  #grants = new Map();
  /** The ids of a transaction's locks. @type {Map<string, Set<number>>} */
  #ofTransactions = new Map();

  /**
   * A lock is granted, or moved.
   * @param {{ id: number, tid: string, write: boolean, expires: number }} lock
   * @param {string} [life] Of the master, where that is known.
   */
  note({ id, tid, write, expires }, life) {
    const now = performance.now();
    const since = this.#grants.get(id)?.since ?? now;
    this.forget(id);
    this.#grants.set(id, { tid, write, expires, life, since, ends: endOf(expires, now) });
    this.#idsOf(tid).add(id);
    if (this.#grants.size > MAX_GRANTS) {
      this.forget(this.#grants.keys().next().value);
    }
  }

  #idsOf(tid) {
    const ids = this.#ofTransactions.get(tid) ?? new Set();
    this.#ofTransactions.set(tid, ids);
    return ids;
  }

  /** Another transaction has the lock. */
  passOn(lockId, tid) {
    const grant = this.#grants.get(lockId);
    if (grant) {
      this.#leave(grant.tid, lockId);
      grant.tid = tid;
      this.#idsOf(tid).add(lockId);
    }
  }

  /**
   * There is another master, or this worker was away for so long that the hub may have given its locks back: what was
   * granted before need not keep others out.
   */
  doubt() {
    for (const grant of this.#grants.values()) {
      grant.isDoubtful = true;
    }
  }

  /** The lock is returned. */
  forget(lockId) {
    const grant = this.#grants.get(lockId);
    if (grant) {
      this.#grants.delete(lockId);
      this.#leave(grant.tid, lockId);
    }
  }

  #leave(tid, lockId) {
    const ids = this.#ofTransactions.get(tid);
    ids?.delete(lockId);
    if (ids?.size === 0) {
      this.#ofTransactions.delete(tid);
    }
  }

  /**
   * All that a transaction has, or nothing, where it has outlived one of its locks, or nobody knows whether.
   * @returns {Grant[]}
   */
  validOf(tid) {
    const ids = this.#ofTransactions.get(tid);
    if (!ids) {
      return [];
    }
    const now = performance.now();
    const grants = [...ids].map((id) => this.#grants.get(id));
    return grants.every(({ ends }) => ends > now) ? grants : [];
  }

  /**
   * The same, or nothing, where one of them need not keep others out.
   * @returns {Grant[]}
   */
  reliableOf(tid) {
    const grants = this.validOf(tid);
    return grants.some(({ isDoubtful }) => isDoubtful) ? [] : grants;
  }

  /** The life of the master that granted a lock, where that is known. */
  grantorOf(lockId) {
    return this.#grants.get(lockId)?.life;
  }

  /** Whether this process has had a lock for less than so many milliseconds, and for a small part of its time. */
  isYoung(lockId, limit) {
    const { since, ends } = this.#grants.get(lockId) ?? {};
    return performance.now() - since < Math.min(limit, (ends - since) * YOUTH);
  }

  /** How much of a lock's time is left, in milliseconds, where that is known; below 0: it is over. */
  timeLeftOf(lockId) {
    const ends = this.#grants.get(lockId)?.ends;
    return ends === undefined ? undefined : Math.floor(ends - performance.now());
  }
}

/** A lock that comes when it has ended tells of clocks that differ. */
function endOf(expires, now) {
  const left = expires - Date.now();
  return left > 0 && left <= LONGEST_LOCK ? now + left : undefined;
}

module.exports = { Grants };
