'use strict';

// A hub of its own port, and the ways in which it is taken away from its clients.

const { HOST, startHub } = require('../../cluster/support/hub.js');
const { startProxy } = require('../../cluster/support/proxy.js');
const { defer } = require('../../cluster/support/scope.js');
const { sleep } = require('../../cluster/support/wait.js');
const { freePort } = require('../../support/port.js');
const { startBareHub } = require('./bare-hub.js');

/**
 * How long the next hub lives that is killed, too, in milliseconds: clients come back within a second, the first ones
 * at once.
 */
const RETELLING = [60, 130, 0, 250, 500, 30, 180, 350, 800, 90];

/** The client's own limit, in milliseconds: a hub that is away for two minutes is no failure here. */
const CLIENT_SETTINGS = { host: HOST, requestTimeout: 180_000 };

/** Where messages may get lost: how long a lock lasts whose grant was, and how long a request waits for its answer. */
const WITH_LOSSES = { lockTimeout: 3, ipc: { host: HOST, requestTimeout: 5000 } };

/** A transaction has outlived its lock. */
const EXPIRED = /has expired|may have expired/;

/** What becomes of requests that were sent to a hub that is gone, where the next one does not know doubles. */
const UNCERTAIN = /its fate is not known|not answered within|has expired|may have expired/;

/** Ways to end a hub whose port is kept, in turn. */
const ENDINGS = [
  async ({ child }) => {
    await child.call('handOver');
    await child.end();
  },
  ({ child }) => child.end(),
  async ({ child }) => {
    await child.call('leave');
    await child.end();
  },
];

class World {
  /** How many faults there were before. */
  faults = 0;
  #t;
  #options;

  /**
   * @param {{ after(action: () => unknown): void }} t
   * @param {number} port
   * @param {{ hub?: object, former?: string }} settings `hub`: options. `former`: the folder of another version.
   */
  constructor(t, port, { hub, former }) {
    this.#t = t;
    this.port = port;
    this.#options = hub;
    this.former = former;
  }

  /** @param {string} [folder] Of the version of this package that it is of. */
  async startHub(folder) {
    this.hub = await startHub(this.#t, { port: this.port, ...this.#options }, folder);
  }

  /** Starts a server that knows nothing but the published protocol. */
  async startPlainHub() {
    this.hub = undefined;
    this.plain = await startBareHub(this.#t, { port: this.port });
  }

  async kill() {
    await this.hub.child.end();
  }

  /** Nothing of it stays behind. */
  async leave() {
    if (this.hub?.child.isAlive) {
      await this.hub.child.call('stop');
    }
  }
}

/**
 * A hub, and what is between it and its clients.
 * @param {{ after(action: () => unknown): void }} t
 * @param {{ hub?: object, former?: string }} settings
 */
async function startWorld(t, settings) {
  const world = new World(t, await freePort(), settings);
  await world.startHub();
  defer(t, () => world.leave());
  world.proxy = await startProxy(t, world.port);
  return world;
}

/**
 * @typedef {object} Fault
 * @property {(world: World, duration: number) => Promise<void>} strike Takes the hub away; resolves when it is back.
 * @property {object} [hub] Its options.
 * @property {object} [cluster] Settings of the processes, where they are others than `CLIENT_SETTINGS`.
 * @property {RegExp} [allows] Errors that requests may fail with.
 * @property {boolean} [losesEvents] What is said meanwhile is not made up for.
 */

/** @type {Record<string, Fault>} */
const FAULTS = {
  /** It is killed, and another one started at once; its port is closed meanwhile. */
  kill: {
    async strike(world) {
      await world.kill();
      await world.startHub();
    },
  },
  /** It is killed, and so is the next one, while the clients come back to it and tell what they hold. */
  'double-kill': {
    async strike(world) {
      await world.kill();
      await world.startHub();
      await sleep(RETELLING[world.faults % RETELLING.length]);
      await world.kill();
      await world.startHub();
    },
  },
  /** It is killed, and stays away. */
  absence: {
    async strike(world, duration) {
      await world.kill();
      await sleep(duration);
      await world.startHub();
    },
    allows: EXPIRED,
  },
  /** All connections are reset. */
  reset: {
    async strike(world) {
      await world.proxy.cut();
    },
  },
  /** Nothing gets through, and nobody is told. */
  partition: {
    async strike(world, duration) {
      const letThrough = world.proxy.stall();
      await sleep(duration);
      letThrough();
    },
  },
  /** It hands over, is killed, or stopped, and comes back as another version; the next time as this one again. */
  versions: {
    async strike(world) {
      await ENDINGS[world.faults % ENDINGS.length](world.hub);
      await world.startHub(world.faults % 2 === 0 ? world.former : undefined);
    },
    hub: { keepPort: true },
  },
  /** It is killed, and comes back as a server without the extension; the next time as this one again. */
  plain: {
    async strike(world) {
      if (world.hub) {
        await world.kill();
        await world.startPlainHub();
      } else {
        await world.plain.stop();
        await world.startHub();
      }
    },
    cluster: WITH_LOSSES,
    allows: UNCERTAIN,
    losesEvents: true,
  },
};

module.exports = { CLIENT_SETTINGS, FAULTS, startWorld, UNCERTAIN };
