'use strict';

// Waiting, never for ever.

const { setTimeout: sleep } = require('node:timers/promises');

/** How often a condition is looked at again, in milliseconds. */
const POLL_INTERVAL = 100;

/**
 * Waits until a condition holds.
 * @template T
 * @param {string} what It is, to be read after "waiting for".
 * @param {number} limit In milliseconds.
 * @param {() => T | Promise<T>} condition Holds when it returns something truthy.
 * @returns {Promise<T>}
 */
async function until(what, limit, condition) {
  const deadline = Date.now() + limit;
  for (;;) {
    const result = await condition();
    if (result) {
      return result;
    }
    if (Date.now() > deadline) {
      throw new Error(`Waited ${limit} ms in vain for ${what}`);
    }
    await sleep(POLL_INTERVAL);
  }
}

/** The promise's result, or an error when that takes too long. */
async function within(what, limit, promise) {
  const stop = new AbortController();
  const late = sleep(limit, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`${what} took longer than ${limit} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
    late.catch(() => {});
  }
}

module.exports = { sleep, until, within };
