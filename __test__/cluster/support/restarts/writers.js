'use strict';

// A cluster in which every process, the master too, writes all the time and is subscribed to what all others write.
// Processes that end are replaced, as a process manager would.

const { ROOT } = require('../loaded.js');
const { sleep } = require('../wait.js');

/**
 * Of each process's load. What is given up is longer under way than AceBase's own `lockTimeout` of two minutes, which
 * ends every other wait.
 */
const LOAD = { loops: 2, pause: 20, giveUpAfter: 135_000 };

/** How long a process may take to answer for its load, in milliseconds. */
const ANSWER_LIMIT = 20_000;

/** How long the first write of a process may take, in milliseconds: it may wait for a lock until that expires. */
const PLANT_LIMIT = 150_000;

/** How long it takes at most until all know each other's subscriptions, in milliseconds. */
const ACQUAINTANCE = 2000;

/** How long a process may take to open the database, in milliseconds. */
const START_LIMIT = 30_000;

/** How often a process is started that ends itself meanwhile. */
const START_ATTEMPTS = 4;

/** One process and what is known of its load. */
class Writer {
  /** @type {import('../load.js').LoadReport | undefined} */
  report;

  constructor(child) {
    this.child = child;
    /** Where it writes: a place of its own, also where another process had its name. */
    this.place = `${child.name}-${child.pid}`;
  }

  get isAlive() {
    return this.child.isAlive;
  }

  /** Asks for the report of its load; one that has ended keeps its last one. */
  async ask(method, limit) {
    try {
      this.report = await this.child.callWithin(limit, method);
    } catch (error) {
      // The channel breaks somewhat before the end of the process is noticed.
      await sleep(100);
      if (this.isAlive) {
        throw error;
      }
    }
  }
}

class Writers {
  #cluster;
  #load;
  /** All that ever were. @type {Writer[]} */
  all = [];
  /** Those that ended by themselves. @type {Writer[]} */
  ended = [];
  /** Replacements under way. @type {Set<Promise<void>>} */
  #starting = new Set();
  /** Why somebody could not be replaced. */
  #failure;
  /** Those that were there from the beginning. @type {Writer[]} */
  first = [];

  /** @param {object} [load] More settings of their loads, as in `Load`. */
  constructor(cluster, load = {}) {
    this.#cluster = cluster;
    this.#load = { ...LOAD, ...load };
  }

  /** Starts a master and workers, each subscribed to all others before the first of them writes. */
  async start(workers) {
    const master = await this.#cluster.startMaster();
    this.first = [master, ...(await this.#cluster.startWorkers(workers))].map((child) => new Writer(child));
    this.all.push(...this.first);
    for (const writer of this.first) {
      await this.#plant(writer);
    }
    for (const writer of this.first) {
      const others = this.first.filter((other) => other !== writer);
      await Promise.all(others.map(({ place }) => writer.child.call('watch', `${ROOT}/${place}`, 'child_added')));
    }
    await sleep(ACQUAINTANCE);
    await Promise.all(this.first.map((writer) => this.#begin(writer)));
  }

  /** The upper levels of the tree are there first: their creation is not what is tested. */
  #plant({ child, place }) {
    return child.callWithin(PLANT_LIMIT, 'set', `${ROOT}/${place}`, { owner: place });
  }

  #begin({ child, place }) {
    return child.call('startLoad', `${ROOT}/${place}`, this.#load);
  }

  get living() {
    return this.all.filter((writer) => writer.isAlive);
  }

  /** Others are started for those that have ended, each on its own: no worker can begin where the master ends next. */
  #replaceDead() {
    for (const writer of this.all.filter(({ isAlive }) => !isAlive)) {
      if (!this.ended.includes(writer)) {
        this.ended.push(writer);
        const starting = this.#replace(writer.child.name)
          .catch((error) => {
            this.#failure = error;
          })
          .finally(() => this.#starting.delete(starting));
        this.#starting.add(starting);
      }
    }
  }

  async #replace(name) {
    for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
      const writer = new Writer(name === 'master' ? this.#cluster.spawnMaster() : this.#cluster.spawnWorker());
      try {
        await writer.child.callWithin(START_LIMIT, 'ready');
        await this.#plant(writer);
        await this.#begin(writer);
        this.all.push(writer);
        return;
      } catch {
        await this.#bury(writer);
      }
    }
    throw new Error(`${name} cannot be started again`);
  }

  /** One that did not get to write; what is told of it is whether it has ended by itself. */
  async #bury(writer) {
    if (!writer.isAlive) {
      this.ended.push(writer);
    }
    await writer.child.end();
  }

  /** Looks at the loads of all. */
  async #look() {
    await Promise.all(this.living.map((writer) => writer.ask('load', ANSWER_LIMIT)));
  }

  /** Whether each living process has had a write confirmed since then, in milliseconds since the epoch. */
  async allWroteSince(time) {
    this.#replaceDead();
    await this.#look();
    if (this.#failure) {
      throw this.#failure;
    }
    return this.#starting.size === 0 && this.living.every(({ report }) => report?.lastConfirmed > time);
  }

  /** Ends the load; what is under way comes to its end. */
  async stop() {
    await Promise.all(this.#starting);
    await Promise.all(this.living.map((writer) => writer.ask('stopLoad', LOAD.giveUpAfter + ANSWER_LIMIT)));
  }
}

module.exports = { Writers };
