'use strict';

// The messages that a hub says it, or the owner of the database, has carried.

const { until } = require('../../cluster/support/wait.js');
const { bearer } = require('./tokens.js');

/** How long messages may take to be told, in milliseconds: the machine is busy. */
const TOLD_LIMIT = 10_000;

/**
 * Traces while something is said.
 * @param {{ ask(target: string, options: object): Promise<{ body: string }> }} hub
 * @param {{ db: string, token?: string }} of
 * @param {() => void} say
 * @returns {Promise<string[]>} The messages' texts: those that were there first of all.
 */
async function trace(hub, { db, token }, say) {
  const ask = async () => {
    const { messages } = JSON.parse((await hub.ask(`POST /trace?db=${db}`, { headers: bearer(token) })).body);
    return messages.map(({ text }) => text);
  };
  await ask();
  say();
  return until('a traced message', TOLD_LIMIT, async () => {
    const texts = await ask();
    return texts.length > 0 && texts;
  });
}

module.exports = { trace };
