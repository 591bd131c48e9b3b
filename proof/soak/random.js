'use strict';

// Chance that can be repeated: all choices of a run come from one seed.

/**
 * Smallest and largest values, in bytes, and where the small ones end: what still fits in one frame twice, as the old
 * and the new value.
 */
const SIZES = { least: 10, small: 4000, most: 1_000_000 };

/**
 * How many of a hundred values are larger than small: few, as in an application, but enough to make up most of the
 * bytes.
 */
const LARGE_PERCENT = 10;

class Random {
  #state;

  /** @param {number} seed A whole number below 2^32. */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** At least 0, below 1: a Weyl sequence through the finalizer of MurmurHash3, good enough to make choices. */
  next() {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  }

  /** A whole number, at least 0, below `limit`. */
  below(limit) {
    return Math.floor(this.next() * limit);
  }

  between(low, high) {
    return low + this.next() * (high - low);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** One of the keys; each as often as its weight says. */
  weighted(weights) {
    const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
    let rest = this.next() * total;
    for (const [key, weight] of Object.entries(weights)) {
      rest -= weight;
      if (rest < 0) {
        return key;
      }
    }
    return Object.keys(weights).at(-1);
  }

  /** The size of a value that fits in one frame, in bytes: each order of magnitude is as likely as the others. */
  smallSize() {
    return this.#logUniform(SIZES.least, SIZES.small);
  }

  /** The size of any value, in bytes. */
  anySize() {
    return this.below(100) < LARGE_PERCENT ? this.#logUniform(SIZES.small, SIZES.most) : this.smallSize();
  }

  #logUniform(low, high) {
    return Math.round(Math.exp(this.between(Math.log(low), Math.log(high))));
  }
}

module.exports = { Random };
