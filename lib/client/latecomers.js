'use strict';

// What a master that is closing is still asked for: its own code would refuse it, though the next master can do it. It
// is held back, and neither refused nor answered: when this master has left, the hub gives it to the next one. Knows
// AceBase's peer; nothing of connections but whether the hub does that.

/**
 * How long a master may take to close before those who wait are refused after all, in milliseconds: a lock that is
 * never returned must not keep a whole cluster waiting.
 */
const PATIENCE = 30_000;

/** How many are held back at most; those beyond are refused. */
const MAX_HELD = 10_000;

class Latecomers {
  #peer;
  #isHeldByHub;
  #refuse;
  #held = [];
  #timer;
  #isOver = false;

  /**
   * @param {object} peer AceBase's.
   * @param {() => boolean} isHeldByHub Whether the hub gives to the next master what this one has not answered.
   * @param {(message: object) => void} refuse
   */
  constructor(peer, isHeldByHub, refuse) {
    this.#peer = peer;
    this.#isHeldByHub = isHeldByHub;
    this.#refuse = refuse;
  }

  /** @returns {boolean} Whether a message is held back: AceBase must not see it. */
  holdBack(message) {
    if (!this.#peer._exiting || message.type !== 'lock-request' || this.#isUnderWay(message.data)) {
      return false;
    }
    if (this.#isOver || !this.#peer.isMaster || !this.#isHeldByHub() || this.#held.length >= MAX_HELD) {
      return false;
    }
    this.#held.push(message);
    this.#timer ??= setTimeout(() => this.#giveUp(), PATIENCE).unref();
    return true;
  }

  /** A transaction that has a lock can come to its end. */
  #isUnderWay({ tid }) {
    return this.#peer._locks.some((lock) => lock.granted && lock.tid === tid);
  }

  #giveUp() {
    this.#isOver = true;
    for (const message of this.#held.splice(0)) {
      this.#refuse(message);
    }
  }

  /** The peer has left. */
  stop() {
    clearTimeout(this.#timer);
  }
}

module.exports = { Latecomers, PATIENCE };
