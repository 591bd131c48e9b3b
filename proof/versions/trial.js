'use strict';

// What one version of AceBase must do in a cluster of a master and two workers. Knows nothing of where the version
// comes from.

const assert = require('node:assert/strict');

const { prepareCluster } = require('../../__test__/cluster/support/cluster.js');
const { startHub } = require('../../__test__/cluster/support/hub.js');
const { until } = require('../../__test__/cluster/support/wait.js');
const { longText, summary } = require('../../__test__/cluster/support/text.js');

/** The steps, in their order, as the table's head names them. */
const STEPS = ['starts', 'writes', 'events', 'large value', 'master restart', 'files whole'];

/** How long what must happen may take, in milliseconds. */
const LIMIT = 20_000;

/** Writes of each worker in the steps that write. */
const WRITES = 20;

/** A value far above what goes in one frame, in bytes. */
const LARGE = 200_000;

/**
 * Runs a cluster.
 * @param {{ after(action: () => unknown): void }} scope Its processes end with it.
 * @param {string} acebase The folder of AceBase's package.
 * @returns {Promise<string[]>} For each step `yes`, or why not; the steps after one that failed are missing.
 */
async function tryCluster(scope, acebase) {
  const hub = await startHub(scope);
  const cluster = prepareCluster(scope, { port: hub.port, env: { ACEBASE_PACKAGE: acebase } });
  const trial = new Trial(cluster);
  const outcomes = [];
  for (const step of [trial.start, trial.write, trial.tell, trial.writeLarge, trial.restartMaster, trial.audit]) {
    try {
      await step.call(trial);
      cluster.assertAlive(trial.ended);
      outcomes.push('yes');
    } catch (error) {
      outcomes.push(`NO: ${error.message.replace(/\s+/g, ' ').slice(0, 200)}`);
      break;
    }
  }
  return outcomes;
}

class Trial {
  #cluster;
  #expected = {};
  /** Processes that this trial has ended. */
  ended = [];

  constructor(cluster) {
    this.#cluster = cluster;
  }

  /** The first worker subscribes before the second one is there. */
  async start() {
    await this.#cluster.startMaster();
    this.first = await this.#cluster.startWorker();
    await this.first.call('watch', 'events', 'child_added');
    await this.first.call('watch', 'large', 'value');
    this.second = await this.#cluster.startWorker();
  }

  get #all() {
    return [this.#cluster.master, this.first, this.second];
  }

  async write() {
    await this.#writeAll('before');
    await this.#assertSeenByAll();
  }

  /** Both workers at once, each under its own name. */
  #writeAll(stage) {
    const writers = [this.first, this.second].map(async (worker) => {
      for (let n = 0; n < WRITES; n++) {
        const value = { n, text: `${stage} ${n}` };
        await worker.call('set', `values/${worker.name}-${stage}-${n}`, value);
        this.#expected[`${worker.name}-${stage}-${n}`] = value;
      }
    });
    return Promise.all(writers);
  }

  async #assertSeenByAll() {
    for (const child of this.#all) {
      assert.deepEqual(await child.call('get', 'values'), this.#expected, `what ${child.name} reads`);
    }
  }

  /** Each change of another process is heard once. */
  async tell() {
    for (let n = 0; n < WRITES; n++) {
      const writer = n % 2 === 0 ? this.second : this.#cluster.master;
      await writer.call('set', `events/child-${n}`, n);
    }
    const heard = async () => (await this.first.call('events')).filter(({ event }) => event === 'child_added');
    await until('the events', LIMIT, async () => (await heard()).length >= WRITES);
    const values = (await heard()).map(({ value }) => value);
    assert.deepEqual(
      values.toSorted((a, b) => a - b),
      Array.from({ length: WRITES }, (_, n) => n),
      'the events',
    );
  }

  async writeLarge() {
    const large = summary(longText(LARGE));
    await this.second.call('setLong', 'large', LARGE);
    for (const child of this.#all) {
      assert.deepEqual(await child.call('get', 'large'), large, `what ${child.name} reads`);
    }
    await until('the event of the large value', LIMIT, async () => {
      const events = await this.first.call('events');
      return events.some(({ event, value }) => event === 'value' && value?.sha256 === large.sha256);
    });
  }

  /** The master is killed; what workers write meanwhile waits for the next one. */
  async restartMaster() {
    const former = this.#cluster.master;
    this.ended.push(former);
    await former.end();
    const written = this.#writeAll('after');
    written.catch(() => {});
    await this.#cluster.startMaster();
    await written;
    await this.#assertSeenByAll();
  }

  /** A process that knows no other reads the same from the files. */
  async audit() {
    const { values } = await this.#cluster.audit(['values']);
    assert.deepEqual(values, this.#expected);
  }
}

module.exports = { STEPS, tryCluster };
