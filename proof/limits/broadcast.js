'use strict';

// One peer tells all others of its database something, again and again: each must hear each message once, in order.

const { setTimeout: sleep } = require('node:timers/promises');

const { forAll } = require('./crowd.js');
const { acebaseId, Leave, PATIENCE, Peer } = require('./peer.js');

const DATABASE = 'broadcast_data';

/**
 * @param {{ port: number, receivers: number, rounds: number, bytes: number }} load `bytes`: of one message, at least
 *   20.
 * @returns {Promise<{ wrong: number, milliseconds: number[] }>} `wrong`: receivers that did not hear exactly what they
 *   should; `milliseconds`: for each round, from sending to the last receiver's hearing.
 */
async function broadcast({ port, receivers, rounds, bytes }) {
  const expected = Array.from({ length: rounds }, (_, round) => `message ${round} `.padEnd(bytes, 'x'));
  const audience = new Audience(receivers);
  const peers = await audience.join(port);
  const sender = await Peer.join({ port, db: DATABASE, id: acebaseId(receivers) });
  const milliseconds = [];
  for (const text of expected) {
    const allHeard = audience.allHear(text);
    const sent = performance.now();
    sender.send(text);
    await sender.ping();
    // Whoever has not heard it by then is found below.
    await Promise.race([allHeard, sleep(PATIENCE, undefined, { ref: false })]);
    milliseconds.push(performance.now() - sent);
  }
  // What came twice would have come by now: a pong comes after everything that was there before it.
  await forAll(receivers, (n) => peers[n].ping());
  const wrong = audience.heard.filter((heard) => heard.join('\n') !== expected.join('\n')).length;
  await forAll(receivers, (n) => peers[n].leave(Leave.CLOSE));
  await sender.leave(Leave.CLOSE);
  return { wrong, milliseconds };
}

class Audience {
  /** What each has heard, without the notices of who came and went. */
  heard;
  #awaited;
  #missing = 0;
  #complete;

  constructor(size) {
    this.heard = Array.from({ length: size }, () => []);
  }

  async join(port) {
    const peers = new Array(this.heard.length);
    await forAll(peers.length, async (n) => {
      peers[n] = await Peer.join({ port, db: DATABASE, id: acebaseId(n), hear: (text) => this.#hear(n, text) });
    });
    return peers;
  }

  /** Resolves when all have heard a text. */
  allHear(text) {
    this.#awaited = text;
    this.#missing = this.heard.length;
    return new Promise((resolve) => {
      this.#complete = resolve;
    });
  }

  #hear(n, text) {
    if (!text.startsWith('message ')) {
      return;
    }
    this.heard[n].push(text);
    if (text === this.#awaited && --this.#missing === 0) {
      this.#complete();
    }
  }
}

module.exports = { broadcast };
