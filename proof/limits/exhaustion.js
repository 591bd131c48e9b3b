'use strict';

// More clients than the process may have open files: the hub must wait for room, and nothing else may suffer.

const { setTimeout: sleep } = require('node:timers/promises');

const { Hub } = require('./hub.js');
const { Leave, Peer, plainId } = require('./peer.js');

/** The hub's limit of open files. It needs some thirty for itself. */
const OPEN_FILES = 256;
/** Clients that come: a good hundred more than there is room for. */
const CLIENTS = 400;
/** Clients that leave again, to make room. */
const LEAVING = 100;
/**
 * How long, in milliseconds, nobody must be let in before "no more are let in" is believed: some pauses of the hub's.
 */
const SETTLED = 1000;
/** How often, in milliseconds, it is looked whether somebody was let in. */
const LOOK_EVERY = 20;
/** How long, in milliseconds, clients wait to be let in: longer than the whole scenario. */
const WAITING = 60_000;
/** How long, in milliseconds, room is at most left unused by the hub that pauses. */
const REOPENED = 5000;
/** The warning's code. */
const WARNING = 'accept-failed';
const DATABASE = 'exhausted_data';

/**
 * @param {{ idleSeconds: number }} scenario How long the exhausted hub's processor time is measured.
 * @returns {Promise<object>} What was seen.
 */
async function exhaust({ idleSeconds }) {
  const hub = await Hub.start({}, OPEN_FILES);
  const queue = new Queue(hub.port);
  try {
    const members = await Members.join(hub.port);
    queue.arrive(CLIENTS);
    await queue.settled();
    const found = {
      letIn: queue.joined.length,
      filesFull: hub.usage().files,
      warnings: hub.warnings(WARNING),
      idleLoad: await load(hub, idleSeconds),
      warningsAfterIdling: hub.warnings(WARNING),
      membersGoOn: await members.reachEachOther(),
    };
    const leaving = queue.joined.splice(0, LEAVING);
    await Promise.all(leaving.map((peer) => peer.leave(Leave.CLOSE)));
    const reopened = await queue.holds(found.letIn);
    const stop = await hub.stop();
    return { ...found, clients: CLIENTS, openFiles: OPEN_FILES, reopened, stop };
  } finally {
    hub.kill();
    await queue.end();
  }
}

/** Clients that come all at once and wait until they are let in. */
class Queue {
  /** Those who are in. */
  joined = [];
  #port;
  #arrivals = [];

  constructor(port) {
    this.#port = port;
  }

  arrive(count) {
    this.#arrivals = Array.from({ length: count }, (_, n) =>
      Peer.join({ port: this.#port, db: DATABASE, id: plainId(n) }, WAITING).then(
        (peer) => this.joined.push(peer),
        // Those whom the hub never had room for are cut off when it stops.
        () => {},
      ),
    );
  }

  /** Waits until nobody is let in any more. */
  async settled() {
    for (let last = performance.now(), count = 0; performance.now() - last < SETTLED; await sleep(LOOK_EVERY)) {
      if (this.joined.length !== count) {
        count = this.joined.length;
        last = performance.now();
      }
    }
  }

  /** Waits until so many are in. @returns {Promise<boolean>} whether that came to be. */
  async holds(count) {
    for (const until = performance.now() + REOPENED; performance.now() < until; await sleep(LOOK_EVERY)) {
      if (this.joined.length >= count) {
        return true;
      }
    }
    return false;
  }

  end() {
    return Promise.all(this.#arrivals);
  }
}

/** Two clients that were there before. */
class Members {
  #heard = 0;

  static async join(port) {
    const members = new Members();
    members.one = await Peer.join({ port, db: 'members_data', id: plainId(1) });
    members.two = await Peer.join({ port, db: 'members_data', id: plainId(2), hear: () => members.#hear() });
    return members;
  }

  #hear() {
    this.#heard += 1;
  }

  async reachEachOther() {
    const before = this.#heard;
    this.one.send(`to:${plainId(2)};hello`);
    await this.one.ping();
    await this.two.ping();
    return this.#heard === before + 1;
  }
}

/** The share of a processor that a hub uses, while nobody asks anything of it. */
async function load(hub, seconds) {
  const before = hub.processorTime();
  await sleep(seconds * 1000);
  return (hub.processorTime() - before) / seconds;
}

module.exports = { exhaust };
