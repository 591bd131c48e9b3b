'use strict';

// Many peers at once that stay: they join, say nothing, answer for themselves when asked, and leave.

const { acebaseId, Leave, Peer } = require('./peer.js');

/**
 * Peers of one database: as many as a large cluster has, and few enough that telling them of each other is not the
 * load.
 */
const PEERS_PER_DATABASE = 10;
/**
 * Handshakes, questions or farewells under way at once: well below the server's backlog, so that none waits for a
 * retransmission.
 */
const AT_ONCE = 64;

class Crowd {
  #peers;

  /** Lets so many AceBase peers join, in databases of their own. Rejects where one is not let in. */
  static async join(port, count) {
    const who = (n) => ({ port, db: `crowd${Math.floor(n / PEERS_PER_DATABASE)}_data`, id: acebaseId(n) });
    const peers = new Array(count);
    await forAll(count, async (n) => {
      peers[n] = await Peer.join(who(n));
    });
    return new Crowd(peers);
  }

  constructor(peers) {
    this.#peers = peers;
  }

  get size() {
    return this.#peers.length;
  }

  /** How many answer a sign of life. The others have lost their connection, and are counted no more. */
  async alive() {
    const answers = new Array(this.size);
    await forAll(this.size, async (n) => {
      answers[n] = await this.#peers[n].ping().then(
        () => true,
        () => false,
      );
    });
    this.#peers = this.#peers.filter((_, n) => answers[n]);
    return this.size;
  }

  /** Half of them close, half of them reset. */
  async leave() {
    await forAll(this.size, (n) => this.#peers[n].leave(n % 2 === 0 ? Leave.CLOSE : Leave.RESET));
  }
}

/** Does something for each number below `count`, a few at a time. */
async function forAll(count, action) {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      await action(next++);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker));
}

module.exports = { Crowd, forAll };
