'use strict';

// Random choices that can be had again.

/**
 * A small generator.
 * @param {number} seed
 * @returns {(bound: number) => number} Gives whole numbers below a bound.
 */
function randomFrom(seed) {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

module.exports = { randomFrom };
