'use strict';

// How long to pause between attempts to connect: longer each time, and never the same for all processes of a cluster.

/** The first pause, in milliseconds: a hub that restarts is back within about as long. */
const FIRST = 50;

/** The longest pause, in milliseconds: a hub that is back is found within it. */
const LONGEST = 1000;

class Backoff {
  #pause = FIRST;
  #random;

  /** @param {() => number} [random] As `Math.random`. */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** The next pause, in milliseconds: between half of what it grows to, and all of it. */
  next() {
    const pause = this.#pause * (0.5 + this.#random() / 2);
    this.#pause = Math.min(2 * this.#pause, LONGEST);
    return pause;
  }

  reset() {
    this.#pause = FIRST;
  }
}

module.exports = { Backoff, FIRST, LONGEST };
