'use strict';

// What was written where, when, and with which outcome; and from that, which values a place may have. Times are
// milliseconds of one monotonic clock.

const { NOTHING, tokensIn } = require('./value.js');

/**
 * How long a write that was replaced is remembered, in milliseconds: longer than any read that is waited for, which may
 * have seen it before it was replaced.
 */
const MEMORY = 60_000;

/**
 * @typedef {object} Write
 * @property {string} token What is found at the place after it.
 * @property {number} start
 * @property {'underWay' | 'confirmed' | 'uncertain'} outcome Uncertain: its promise was rejected, or nobody knows, for
 *   its process died or gave no answer. It may have been done or not.
 * @property {number} [end] When it was confirmed, or can no longer be done. Absent: it may still be done.
 * @property {{ diedAt?: number }} [process] Who writes. Once dead, it writes no more.
 */

const endOf = (write) => write.end ?? write.process?.diedAt ?? Number.POSITIVE_INFINITY;

class PlaceHistory {
  /** @type {Write[]} */
  #writes = [{ token: NOTHING, start: Number.NEGATIVE_INFINITY, end: Number.NEGATIVE_INFINITY, outcome: 'confirmed' }];

  /** @param {Write} write It begins. */
  add(write) {
    this.#writes = this.#writes.filter((old) => !this.#isReplaced(old, write.start - MEMORY));
    this.#writes.push(write);
  }

  /** Whether a confirmed write began after this one had ended, and was confirmed before `time`. */
  #isReplaced(old, time) {
    return this.#writes.some((next) => next.outcome === 'confirmed' && next.start > endOf(old) && next.end < time);
  }

  /** Whether a read from `start` to `end` may have found this. */
  isPossible(found, start, end) {
    return this.#writes.some((write) => write.token === found && write.start <= end && !this.#isReplaced(write, start));
  }

  /** Whether a damaged value can be the work of a process that was killed while it wrote here. */
  isTornByDeath(found, start) {
    const tokens = tokensIn(found);
    const isOfDead = ({ outcome, process }) => outcome === 'uncertain' && process?.diedAt !== undefined;
    const current = this.#writes.filter((write) => !this.#isReplaced(write, start));
    return tokens.length > 0 && current.some((write) => isOfDead(write) && tokens.includes(write.token));
  }

  /** For a report: what it may be. */
  possible(time) {
    return this.#writes
      .filter((write) => !this.#isReplaced(write, time))
      .map(({ token, outcome }) => `${token} (${outcome})`);
  }

  /** The last write that left this there. */
  lastOf(token) {
    return this.#writes.findLast((write) => write.token === token);
  }
}

/** A number that transactions count up, one each. */
class CounterHistory {
  #sums = new Set();
  #uncertain = 0;

  /** A count is confirmed. `false`: somebody else was told the same sum, so one of the two is lost. */
  confirm(sum) {
    const isNew = !this.#sums.has(sum);
    this.#sums.add(sum);
    return isNew;
  }

  doubt() {
    this.#uncertain++;
  }

  isPossible(value) {
    return value >= this.#sums.size && value <= this.#sums.size + this.#uncertain;
  }

  possible() {
    return `${this.#sums.size} to ${this.#sums.size + this.#uncertain}`;
  }
}

module.exports = { CounterHistory, PlaceHistory };
