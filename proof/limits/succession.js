'use strict';

// A crowd stays while one hub leaves in order and the next one, a process of its own, comes: nobody loses its
// connection, and all wait no longer than they may.

const { freePort } = require('../../__test__/support/port.js');
const { Crowd } = require('./crowd.js');
const { Hub } = require('./hub.js');
const { Peer, plainId } = require('./peer.js');

/** Of the hubs, as many as `loadHub` has for such a crowd. */
const OPEN_FILES = 16_384;

/**
 * @param {object} plan
 * @param {number} plan.crowd Peers that stay.
 * @param {number} plan.rounds How often the hub is replaced.
 * @returns {Promise<{ wanted: number, rounds: Round[] }>}
 */
async function succeed({ crowd: wanted, rounds }) {
  const config = { port: await freePort(), keepPort: true };
  const line = [await Hub.start(config, OPEN_FILES)];
  try {
    const crowd = await Crowd.join(config.port, wanted);
    const asking = await Peer.join({ port: config.port, db: 'asking_data', id: plainId(0) });
    const seen = [];
    for (let round = 0; round < rounds; round += 1) {
      const times = await replace(line, config, asking);
      seen.push({ ...times, alive: await crowd.alive() });
    }
    return { wanted, rounds: seen };
  } finally {
    await line.at(-1).stop();
  }
}

/**
 * @typedef {object} Round
 * @property {number} alive How many have their connection still.
 * @property {number} leaving How long the former hub took to leave, in milliseconds.
 * @property {number} takingUp How long it was until the next one, started then, answered, in milliseconds.
 * @property {number} pause Both together.
 */

/** The last hub of the line leaves, and another one is started when it is gone, as a process manager does it. */
async function replace(line, config, asking) {
  const began = performance.now();
  await line.at(-1).handOver();
  const leaving = performance.now() - began;
  const answered = asking.ping().then(() => performance.now() - began);
  line.push(await Hub.start(config, OPEN_FILES));
  const pause = await answered;
  return { leaving, takingUp: pause - leaving, pause };
}

module.exports = { succeed };
