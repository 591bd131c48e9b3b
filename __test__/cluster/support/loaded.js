'use strict';

// Load of several workers at once, and the audit of what became of it.

const assert = require('node:assert/strict');

/** Where the load goes in the database. */
const ROOT = 'load';

/** How long a process may take to read all that the load has written, in milliseconds. */
const READ_LIMIT = 30_000;

/** How much longer than its limit a write under way may take to come to its end, in milliseconds. */
const GRACE = 5000;

/**
 * How long the first write of a worker may take, in milliseconds, before it is tried again; and how often it is tried.
 */
const PLANT_LIMIT = 5000;
const PLANT_ATTEMPTS = 5;

/** Workers under load; where the test says so, a dead one is replaced, as a process manager would. */
class LoadedWorkers {
  #cluster;
  #settings;
  #prepare;
  /** The last report of each worker, dead ones too, by name. */
  #reports = new Map();
  workers = [];
  /** Processes that died and were replaced. */
  dead = [];

  /** @param {object} settings Of `Load`. */
  constructor(cluster, settings) {
    this.#cluster = cluster;
    this.#settings = settings;
  }

  /** Starts workers with their load. `prepare`: what each does before. */
  async start(count, prepare = () => {}) {
    this.#prepare = prepare;
    this.workers = await this.#cluster.startWorkers(count);
    for (const worker of this.workers) {
      await this.#load(worker);
    }
  }

  async #load(worker) {
    await this.#prepare(worker);
    await this.#plant(worker);
    if (worker.isAlive) {
      await worker.call('startLoad', `${ROOT}/${worker.name}`, this.#settings);
    }
  }

  /** The upper levels of the tree are there first: they are not what is tested, so it may take some attempts. */
  async #plant(worker) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await worker.callWithin(PLANT_LIMIT, 'set', `${ROOT}/${worker.name}`, { owner: worker.name });
      } catch (error) {
        // One that died is replaced at the next look.
        if (!worker.isAlive) {
          return undefined;
        }
        if (attempt === PLANT_ATTEMPTS) {
          throw error;
        }
      }
    }
  }

  /** Replaces processes that are dead of a cause that is allowed; another cause is a failure. */
  async replaceDead(cause) {
    const { master } = this.#cluster;
    if (!master.isAlive) {
      this.#bury(master, cause);
      await this.#cluster.startMaster();
    }
    for (const [n, worker] of this.workers.entries()) {
      if (!worker.isAlive) {
        this.#bury(worker, cause);
        this.workers[n] = await this.#cluster.startWorker();
        await this.#load(this.workers[n]);
      }
    }
  }

  #bury(child, cause) {
    assert.match(child.lastWords, cause, `${child.name} died`);
    this.dead.push(child);
  }

  /** When any worker's write was confirmed last, in milliseconds since the epoch. */
  async lastConfirmed() {
    await this.#ask('load', GRACE);
    return Math.max(...[...this.#reports.values()].map((report) => report.lastConfirmed));
  }

  /** Whether each living worker has had a write confirmed since then. */
  async allWroteSince(time) {
    await this.#ask('load', GRACE);
    return this.workers.every((worker) => this.#reports.get(worker.name)?.lastConfirmed > time);
  }

  /** Ends the load, and returns the reports of all workers that ever were. */
  async stop() {
    await this.#ask('stopLoad', this.#settings.giveUpAfter + GRACE);
    return [...this.#reports.values()];
  }

  #ask(method, limit) {
    const asked = this.workers.map(async (worker) => {
      try {
        this.#reports.set(worker.name, { name: worker.name, ...(await worker.callWithin(limit, method)) });
      } catch (error) {
        // One that died meanwhile keeps its last report.
        if (worker.isAlive) {
          throw error;
        }
      }
    });
    return Promise.all(asked);
  }
}

/**
 * A fresh process reads the whole database without an error, and every confirmed write is in it. Returns the load's
 * tree.
 */
async function assertStored(cluster, reports) {
  const { [ROOT]: tree } = await cluster.audit([ROOT]);
  for (const { name, confirmed } of reports) {
    assert.deepEqual(findMissing(tree, name, confirmed), [], `${name}: confirmed, but not stored`);
  }
  assert.ok(reports.some((report) => report.confirmed.length > 0));
  return tree;
}

/** The confirmed writes of a process that are not in the load's tree. */
function findMissing(tree, name, confirmed) {
  return confirmed.filter((key) => tree?.[name]?.[key]?.text === undefined);
}

/** What each worker sees of the load's tree is what is stored. */
async function assertSameView(workers, tree) {
  for (const worker of workers) {
    assert.deepEqual(await worker.callWithin(READ_LIMIT, 'get', ROOT), tree, `the view of ${worker.name}`);
  }
}

module.exports = { assertSameView, assertStored, findMissing, LoadedWorkers, ROOT };
