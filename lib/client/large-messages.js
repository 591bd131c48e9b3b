'use strict';

// Messages that are too long for the frames of a hub without the extension: they go there by HTTP, one at a time.
// Knows nothing of what they say.

const { setTimeout: sleep } = require('node:timers/promises');

const { request } = require('./http.js');

const OK = 200;
/** The hub does not know who sends: the connection is gone, and will be back. */
const UNKNOWN_SENDER = 401;
const NO_ROOM = 503;

/** Until the next attempt, in milliseconds. */
const PAUSE = 500;

/** How often a message is tried that the hub has surely not taken. */
const MAX_ATTEMPTS = 120;

/** Failures before a connection was there: nothing was sent. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/**
 * Sends a text.
 * @param {() => { place: object, isSecure: boolean }} findHub Where the hub is.
 * @param {string} path With its query, encoded.
 * @param {string} text
 * @returns {Promise<string | undefined>} Why it has not arrived, as far as is known.
 */
async function sendLarge(findHub, path, text) {
  for (let attempt = 1; ; attempt++) {
    const problem = await attemptToSend(findHub(), path, text);
    if (!problem?.isSurelyNotTaken || attempt === MAX_ATTEMPTS) {
      return problem?.reason;
    }
    await sleep(PAUSE);
  }
}

/** @returns {Promise<{ reason: string, isSurelyNotTaken: boolean } | undefined>} */
async function attemptToSend({ place, isSecure }, path, text) {
  try {
    const { status, text: reason } = await request({ ...place, isSecure }, 'POST', path, text);
    if (status === OK) {
      return undefined;
    }
    const isSurelyNotTaken = status === UNKNOWN_SENDER || status === NO_ROOM;
    return { reason: `HTTP status ${status} ${reason}`.trim(), isSurelyNotTaken };
  } catch (error) {
    return { reason: error.message || error.code, isSurelyNotTaken: NOT_SENT.has(error.code) };
  }
}

module.exports = { sendLarge };
