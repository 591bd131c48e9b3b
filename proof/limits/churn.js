'use strict';

// Peers that come and go at a steady rate, whether the server keeps up or not: each connects, sends one message to the
// witness of its database, makes sure that it was taken, and leaves. Half of them close and half of them reset; half
// have ids of AceBase's, whose sessions outlive a reset for a while, and half have not. The witnesses count what must
// come exactly once.

const { setTimeout: sleep } = require('node:timers/promises');

const { acebaseId, Leave, Peer, plainId } = require('./peer.js');

/** How often, in milliseconds, those that are due start. */
const TICK = 5;
/**
 * How often, in milliseconds, a peer that stays asks for a sign of life, to see how long the server keeps it waiting.
 */
const PROBE_EVERY = 50;
/** Visits under way at once: where so many pile up, no more start, and the rate that was asked for is not reached. */
const MOST_AT_ONCE = 2000;
const DATABASES = 100;
/** Addresses that visitors come from, in turn, so that ports do not become scarce. */
const ADDRESSES = 16;
/** Kinds of visitor: both ways to leave, with both sorts of id. */
const KINDS = 4;
const WITNESS = 'witness';

/** Sees all that happens in one database. */
class Witness {
  joined = 0;
  left = 0;
  /** How often each visitor's message came. */
  heard = new Map();

  constructor(port, db) {
    this.peer = new Peer({ port, db, id: WITNESS, hear: (text) => this.#hear(text) });
  }

  #hear(text) {
    if (text.startsWith('connect:')) {
      this.joined += 1;
    } else if (text.startsWith('disconnect:')) {
      this.left += 1;
    } else {
      this.heard.set(text, (this.heard.get(text) ?? 0) + 1);
    }
  }
}

/**
 * @param {{ port: number, perSecond: number, seconds: number, everySecond?: () => void }} load `everySecond`: called
 *   meanwhile.
 * @returns {Promise<Visits>}
 */
async function churn({ port, perSecond, seconds, everySecond = () => {} }) {
  const witnesses = Array.from({ length: DATABASES }, (_, n) => new Witness(port, database(n)));
  await Promise.all(witnesses.map(({ peer }) => peer.welcomed()));
  const probe = new Probe(await Peer.join({ port, db: 'probe_data', id: 'probe' }));
  const timer = setInterval(everySecond, 1000);
  const visits = await visitAll({ port, perSecond, total: perSecond * seconds });
  clearInterval(timer);
  const longestWait = await probe.end();
  return new Visits({ ...visits, longestWait, witnesses });
}

/** What came of all visits, and what the witnesses have seen of them. */
class Visits {
  #witnesses;

  constructor({ total, failures, seconds, mostAtOnce, longestWait, witnesses }) {
    this.total = total;
    /** Why visits failed, one reason each. */
    this.failures = failures;
    this.perSecond = (total - failures.length) / seconds;
    this.mostAtOnce = mostAtOnce;
    /** The longest, in milliseconds, that a peer that stayed waited for a sign of life. */
    this.longestWait = longestWait;
    this.#witnesses = witnesses;
  }

  get joined() {
    return this.#witnesses.reduce((sum, { joined }) => sum + joined, 0);
  }

  get left() {
    return this.#witnesses.reduce((sum, { left }) => sum + left, 0);
  }

  /** Visitors whose message came exactly once. */
  get heardOnce() {
    const counts = this.#witnesses.flatMap(({ heard }) => [...heard.values()]);
    return counts.filter((count) => count === 1).length;
  }

  /**
   * Waits until all have been seen leaving, also those whose sessions outlived their connections; at most so many
   * milliseconds.
   */
  async allLeft(patience) {
    const until = performance.now() + patience;
    while (this.left < this.total && performance.now() < until) {
      await sleep(TICK);
    }
  }

  /** Lets the witnesses go. */
  async end() {
    await Promise.all(this.#witnesses.map(({ peer }) => peer.leave(Leave.CLOSE)));
  }
}

async function visitAll({ port, perSecond, total }) {
  const failures = [];
  const under = new Set();
  let started = 0;
  let mostAtOnce = 0;
  const began = performance.now();
  while (started < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - began) / 1000) * perSecond));
    for (; started < due && under.size < MOST_AT_ONCE; started++) {
      const visiting = visit(port, started)
        .catch((error) => failures.push(error.message))
        .finally(() => under.delete(visiting));
      under.add(visiting);
    }
    mostAtOnce = Math.max(mostAtOnce, under.size);
    await sleep(TICK);
  }
  await Promise.all(under);
  return { total, failures, seconds: (performance.now() - began) / 1000, mostAtOnce };
}

async function visit(port, n) {
  const kind = n % KINDS;
  const id = kind < KINDS / 2 ? acebaseId(n) : plainId(n);
  const peer = await Peer.join({
    port,
    db: database(Math.floor(n / KINDS)),
    id,
    from: `127.0.1.${1 + (n % ADDRESSES)}`,
  });
  peer.send(`to:${WITNESS};visitor ${n}`);
  await peer.ping();
  await peer.leave(kind % 2 === 0 ? Leave.CLOSE : Leave.RESET);
}

function database(n) {
  return `churn${n % DATABASES}_data`;
}

/** A peer that stays, and looks how long the server takes for a sign of life. */
class Probe {
  #longest = 0;
  #isOver = false;
  #done;

  constructor(peer) {
    this.#done = this.#run(peer);
  }

  async #run(peer) {
    while (!this.#isOver) {
      const asked = performance.now();
      await peer.ping();
      this.#longest = Math.max(this.#longest, performance.now() - asked);
      await sleep(PROBE_EVERY);
    }
    await peer.leave(Leave.CLOSE);
  }

  async end() {
    this.#isOver = true;
    await this.#done;
    return this.#longest;
  }
}

module.exports = { churn };
