'use strict';

// What was had of a hub and of other processes, so that what comes again is known. Pure.

const { MAX_UNACKNOWLEDGED } = require('./outgoing.js');

/** How many lives of other processes are remembered at most: those that were heard last. */
const MAX_LIVES = 1024;

/** Bits of a word. */
const BITS = 32;

class Incoming {
  #had = 0;
  #senders = new Map();
  #lastLife;
  #lastSender;

  /** How many numbered frames were had in the hub's present session. */
  get had() {
    return this.#had;
  }

  /** The hub begins to count anew. Senders do not. */
  restart() {
    this.#had = 0;
  }

  /**
   * Takes note of a frame.
   * @param {string} [life] Its sender's, where that has the extension.
   * @param {number} [number] Its sender's number.
   * @returns {boolean} Whether it is new.
   */
  accept(life, number) {
    this.#had++;
    return life === undefined || this.#sender(life).accept(number);
  }

  /** Senders stand in the order in which they were heard last. */
  #sender(life) {
    if (life === this.#lastLife) {
      return this.#lastSender;
    }
    const sender = this.#senders.get(life) ?? new Sender();
    this.#senders.delete(life);
    this.#senders.set(life, sender);
    if (this.#senders.size > MAX_LIVES) {
      this.#senders.delete(this.#senders.keys().next().value);
    }
    this.#lastLife = life;
    this.#lastSender = sender;
    return sender;
  }
}

/** The numbers that were had of one life: the highest one, and a bit for each that can still come twice. */
class Sender {
  #highest = 0;
  /** The bit of a number is where the number has its remainder. */
  #bits = new Uint32Array(MAX_UNACKNOWLEDGED / BITS);

  /** @returns {boolean} Whether it is new. What is older than anything that can come again counts as had. */
  accept(number) {
    if (number <= this.#highest - MAX_UNACKNOWLEDGED) {
      return false;
    }
    if (number > this.#highest) {
      this.#moveOn(number);
    }
    const place = number % MAX_UNACKNOWLEDGED;
    const bit = 1 << (place % BITS);
    const word = Math.floor(place / BITS);
    const isNew = (this.#bits[word] & bit) === 0;
    this.#bits[word] |= bit;
    return isNew;
  }

  /**
   * Those that have come into the window have not been had, and their places are taken from those that have left it.
   */
  #moveOn(number) {
    if (number - this.#highest >= MAX_UNACKNOWLEDGED) {
      this.#bits.fill(0);
    } else {
      for (let next = this.#highest + 1; next <= number; next++) {
        const place = next % MAX_UNACKNOWLEDGED;
        this.#bits[Math.floor(place / BITS)] &= ~(1 << (place % BITS));
      }
    }
    this.#highest = number;
  }
}

module.exports = { Incoming };
