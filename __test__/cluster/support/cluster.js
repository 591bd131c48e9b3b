'use strict';

// A cluster of real processes around one hub: database files in a folder of their own, one master, and workers.

const assert = require('node:assert/strict');
const path = require('node:path');

const { startChild } = require('./child.js');
const { HOST, startHub } = require('./hub.js');
const { findConflicts, VARIABLE: LOCK_LOG } = require('./lock-log.js');
const { deferFolder } = require('./scope.js');

/** What every database process runs. */
const SCRIPT = path.join(__dirname, 'database-process.js');

/**
 * How long a database process may take to open its database, in milliseconds: many start at once on a small machine.
 */
const READY_LIMIT = 30_000;

/**
 * Which processes have the client of this package: none, all, or every second one, so that it meets the published one
 * in every way. The master's is the one that the name says.
 */
const CLIENTS = {
  published: () => false,
  all: () => true,
  mixed: (name) => name === 'master' || isOdd(name),
  'mixed-workers': (name) => name !== 'master' && isOdd(name),
};

const IN_THIS_RUN = process.env.CLIENTS ?? 'published';

function isOdd(name) {
  return Number(name.match(/\d+$/)?.[0] ?? 1) % 2 === 1;
}

/** Whether the processes of this name have it in this run. */
function hasClient(name) {
  return CLIENTS[IN_THIS_RUN](name);
}

/** The environment that gives it to a process. */
function clientOf(name) {
  return hasClient(name) ? { NODE_OPTIONS: `-r ${path.join(__dirname, 'with-client.js')}` } : {};
}

class Cluster {
  #t;
  #settings;
  #lastWorker = 0;
  /** All database processes that were started, dead ones too. */
  processes = [];

  constructor(t, settings) {
    this.#t = t;
    this.#settings = settings;
    this.dbname = settings.dbname;
    this.folder = settings.folder;
  }

  /** What the hub calls this database. */
  get hubName() {
    return `${this.dbname}_data`;
  }

  /** Starts a process with the master's role, without waiting until it is ready. */
  spawnMaster() {
    this.master = this.#start('master', 'master');
    return this.master;
  }

  /** Starts a process with the master's role. */
  async startMaster() {
    const master = this.spawnMaster();
    await master.callWithin(READY_LIMIT, 'ready');
    return master;
  }

  /** Starts a worker, without waiting until it is ready. */
  spawnWorker(name = `worker${++this.#lastWorker}`) {
    return this.#start(name, 'worker');
  }

  async startWorker(name) {
    const worker = this.spawnWorker(name);
    await worker.callWithin(READY_LIMIT, 'ready');
    return worker;
  }

  startWorkers(count) {
    return Promise.all(Array.from({ length: count }, () => this.startWorker()));
  }

  #start(name, role) {
    const { port, ipc, lockTimeout, env, launcher, placeOf, logsLocks } = this.#settings;
    const place = { launcher, ...placeOf?.(name) };
    const storage = { path: this.folder, ipc: { host: HOST, port, role, ...ipc, ...place.ipc }, lockTimeout };
    const log = logsLocks && { [LOCK_LOG]: this.folder };
    const child = this.#open(name, storage, { ...clientOf(name), ...env, ...log }, place.launcher);
    this.processes.push(child);
    return child;
  }

  #open(name, storage, env, launcher) {
    return startChild(this.#t, name, SCRIPT, [JSON.stringify({ name: this.dbname, storage })], env, launcher);
  }

  /** All that is in the database files, as a fresh process reads them that knows no other. */
  async audit(keys) {
    const reader = this.#open('auditor', { path: this.folder });
    await reader.callWithin(READY_LIMIT, 'ready');
    const values = await Promise.all(keys.map((key) => reader.call('get', key)));
    await reader.end();
    return Object.fromEntries(keys.map((key, n) => [key, values[n]]));
  }

  /** What `findConflicts` finds in the logs of all processes, dead ones too. */
  lockConflicts() {
    const dead = this.processes.filter((child) => !child.isAlive);
    return findConflicts(this.folder, new Map(dead.map(({ pid, endedAt }) => [pid, endedAt])));
  }

  /** Fails if any process has died, with its last words, but for those that the test ended itself. */
  assertAlive(except = []) {
    const dead = this.processes.filter((child) => !child.isAlive && !except.includes(child));
    assert.deepEqual(
      dead.map((child) => `${child.name} ${JSON.stringify(child.exit)}: ${child.lastWords}`),
      [],
      'processes died',
    );
  }
}

/**
 * Prepares a cluster; its processes are started by the test.
 * @param {import('node:test').TestContext} t
 * @param {{ port?: number, dbname?: string, ipc?: object, lockTimeout?: number, env?: Record<string, string>,
 *   launcher?: string[], placeOf?: (name: string) => { ipc?: object, launcher?: string[] }, logsLocks?: boolean
 *   }} settings `port`: of the hub, or of whatever is before it. `ipc`: more settings of the client. `lockTimeout` in
 *   seconds. `env`: of the processes. `launcher`: what starts them, as in `startChild`. `placeOf`: what is different
 *   for the process of this name. `logsLocks`: they write down which locks they have, for `lockConflicts`.
 */
function prepareCluster(t, settings) {
  const folder = deferFolder(t, 'cluster');
  return new Cluster(t, { dbname: 'testdb', folder, ...settings });
}

/**
 * Starts a hub, a master and workers.
 * @param {import('node:test').TestContext} t
 * @param {{ hub?: object, workers: number }} settings `hub`: its options; and those of `prepareCluster`.
 */
async function startCluster(t, { hub: options, workers: count, ...settings }) {
  const hub = await startHub(t, options);
  const cluster = prepareCluster(t, { ...settings, port: hub.port });
  const master = await cluster.startMaster();
  const workers = await cluster.startWorkers(count);
  return { hub, cluster, master, workers };
}

module.exports = { hasClient, prepareCluster, startCluster };
