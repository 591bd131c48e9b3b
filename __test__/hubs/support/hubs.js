'use strict';

// Several hubs of one cluster, each a process of its own, by the command as their owner starts it.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');

const { startChild } = require('../../cluster/support/child.js');
const { HOST } = require('../../cluster/support/hub.js');
const { until } = require('../../cluster/support/wait.js');
const { request } = require('../../support/http.js');
const { freePort } = require('../../support/port.js');
const { COMMAND } = require('../../support/process.js');

/** What all hubs of these tests know. */
const SECRET = 'a-secret-of-all-hubs-of-this-cluster';

/** How many hubs there are where the test does not say. */
const COUNT = 3;

/** How long a database may be without an owner, in milliseconds: a lease, and the time to find out. */
const OWNER_LIMIT = 10_000;

/** How long the system may take to stop a process, in milliseconds. */
const STOP_LIMIT = 5000;

/** Whether a process is stopped, as Linux tells. */
function isStopped(pid) {
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

class Hub {
  #t;
  #settings;

  /**
   * @param {import('node:test').TestContext} t
   * @param {{ name: string, port: number, engine: string, options?: string[], env?: Record<string, string>, launcher?:
   *   string[], host?: string, token?: string }} settings `token`: of its clients.
   */
  constructor(t, settings) {
    this.#t = t;
    this.#settings = settings;
    this.name = settings.name;
    this.port = settings.port;
  }

  /** The address that clients and other hubs reach it by. */
  get host() {
    return this.#settings.host ?? '127.0.0.1';
  }

  get address() {
    return `${this.host}:${this.port}`;
  }

  /** Starts it, also again after `kill` or `stop`. */
  async start() {
    const { engine, options = [], env, launcher } = this.#settings;
    const args = [
      `host=${this.#settings.host ?? HOST}`,
      `port=${this.port}`,
      'keep_port=0',
      `cluster=${engine}`,
      `cluster_name=${this.name}`,
    ];
    const all = [...args, `cluster_advertise=${this.address}`, ...options];
    this.child = startChild(this.#t, this.name, COMMAND, all, { CLUSTER_SECRET: SECRET, ...env }, launcher);
    await this.child.ready();
  }

  /** SIGKILL: it says nothing to anybody. */
  kill() {
    return this.child.end();
  }

  /** SIGTERM: it leaves in order. */
  stop() {
    return this.child.terminate();
  }

  /** SIGSTOP: its connections stay, and it does nothing. A process that just runs goes on for a moment. */
  async pause() {
    this.child.signal('SIGSTOP');
    await until(`${this.name} to stand still`, STOP_LIMIT, () => isStopped(this.child.pid));
  }

  resume() {
    this.child.signal('SIGCONT');
  }

  get isAlive() {
    return this.child.isAlive;
  }

  /** How it ended: `{ code, signal }`. */
  get exit() {
    return this.child.exit;
  }

  /** What it prints, to be read where something is wrong. */
  get words() {
    return this.child.words;
  }

  /** One request to it, and its whole answer: `{ status, headers, body }`. */
  ask(target, options) {
    return request(this, target, options);
  }

  /** The same, with the token of clients, where there is one. */
  askWithToken(target) {
    const { token } = this.#settings;
    return this.ask(target, { headers: token && { authorization: `Bearer ${token}` } });
  }

  /** Asks for a database, as a client would: if nobody has it, this hub takes it. */
  askFor(dbname) {
    return this.askWithToken(`GET /${dbname}/clients`);
  }

  /** What `/status.json` says. */
  async status() {
    const { status, body } = await this.askWithToken('GET /status.json');
    assert.equal(status, 200, body);
    return JSON.parse(body);
  }

  /** What it says of itself and the others, in `/status.json`. */
  async view() {
    return (await this.status()).cluster;
  }
}

/**
 * Prepares hubs; they are started by the test.
 * @param {import('node:test').TestContext} t They end with this test.
 * @param {string} engine Its URL.
 * @param {{ count?: number, options?: string[], env?: Record<string, string>, placeOf?: (number: number) => object
 *   }} [settings] `options`: of the command, for all. `placeOf`: what is different for this one of them.
 */
async function prepareHubs(t, engine, { count = COUNT, placeOf = () => ({}), ...settings } = {}) {
  const hubs = [];
  for (let number = 1; number <= count; number++) {
    const port = await freePort();
    hubs.push(new Hub(t, { name: `hub-${number}`, port, engine, ...settings, ...placeOf(number) }));
  }
  return hubs;
}

/** As `prepareHubs`, and starts them. */
async function startHubs(t, engine, settings) {
  const hubs = await prepareHubs(t, engine, settings);
  await Promise.all(hubs.map((hub) => hub.start()));
  return hubs;
}

/** Lets this hub have a database, which nobody has: it is the first one that is asked for it. */
async function give(hub, dbname) {
  await hub.askFor(dbname);
  assert.equal(await ownerOf([hub], dbname), hub.name);
}

/** The name of the hub that has a database, as these hubs say; they agree when they have found out. */
function ownerOf(hubs, dbname) {
  return agreedOn(hubs, dbname, () => true);
}

/** The name of the hub that has a database after this one, as these say. */
function nextOwner(hubs, dbname, former) {
  return agreedOn(hubs, dbname, (name) => name !== former.name);
}

function agreedOn(hubs, dbname, isIt) {
  return until(`an owner of ${dbname}`, OWNER_LIMIT, async () => {
    const [first, ...names] = await Promise.all(hubs.map((hub) => ownerAsSeenBy(hub, dbname)));
    return first && names.every((name) => name === first) && isIt(first) && first;
  });
}

/** A hub knows of databases that it is asked for. */
async function ownerAsSeenBy(hub, dbname) {
  const { databases } = await hub.view();
  const { owner } = databases.find(({ db }) => db === dbname) ?? {};
  if (!owner) {
    await hub.askFor(dbname);
  }
  return owner;
}

module.exports = { give, nextOwner, ownerOf, prepareHubs, SECRET, startHubs };
