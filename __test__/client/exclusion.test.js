'use strict';

// AceBase's own peers, a master and workers that decide what they can themselves, over wires that take their time: of
// transactions that do whatever transactions do, no two have locks at once that exclude each other, all come to their
// end, and then nobody has a lock any more.

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { setImmediate: turn, setTimeout: sleep } = require('node:timers/promises');

const { PathInfo } = require('acebase-core');

const { Grants } = require('../../lib/client/grants.js');
const { OwnLocks } = require('../../lib/client/own-locks.js');
const { randomFrom } = require('../support/random.js');

const { AceBaseIPCPeer } = require(path.join(path.dirname(require.resolve('acebase')), 'ipc', 'ipc.js'));

/** How long the test goes on, in milliseconds; and with fewer seeds than these it has shown nothing. */
const SHARE = Number(process.env.RANDOM_MS ?? 3000);
const FEWEST_SEEDS = 10;

/** How many transactions each worker has, and how many of these loops it runs at once at most. */
const TRANSACTIONS = 25;
const LOOPS = 2;
const WORKERS = 3;

/** For how long a lock serves, in milliseconds: long enough for some transactions. */
const KEEP = 2;

const PATHS = ['a/b/c', 'a/b', 'x[3]/y', 'z'];

const logger = { error() {}, warn() {}, info() {}, trace() {}, debug() {} };

/** A peer as AceBase has it, which says and hears what the test lets it. */
class Peer extends AceBaseIPCPeer {
  constructor(id, say) {
    super({ name: 'db', logger, settings: { lockTimeout: 60 }, on() {} }, id);
    this.masterPeerId = 'master';
    this.say = say;
  }

  sendMessage(message) {
    this.say(message);
  }
}

/** A master and workers, whose messages arrive in their order, some turns later. */
class World {
  /** How many locks transactions have wanted, and how many of them were asked of the master. */
  wanted = 0;
  asked = 0;
  #random;
  /** What carries the master's messages to each worker. @type {Map<string, (message: object) => void>} */
  #peers = new Map();
  /** The locks that somebody has now. */
  #held = new Set();

  constructor(random) {
    this.#random = random;
    this.master = new Peer('master', (message) => this.#peers.get(message.to)(message));
    this.workers = Array.from({ length: WORKERS }, (_, n) => this.#addWorker(`worker${n}`));
  }

  /** Delivers in order, after some turns. */
  #wire() {
    let last = Promise.resolve();
    return (deliver) => {
      const turns = this.#random(4);
      last = last.then(async () => {
        for (let n = 0; n <= turns; n++) {
          await turn();
        }
        deliver();
      });
    };
  }

  #addWorker(id) {
    const [toMaster, fromMaster] = [this.#wire(), this.#wire()];
    const grants = new Grants();
    const send = (message) => {
      if (message.type === 'unlock-request') {
        grants.forget(message.data.id);
        worker._requests.get(message.id)?.resolve({});
      }
      this.asked += Number(message.type === 'lock-request');
      const named = ownLocks.named(message);
      toMaster(() => this.master.handleMessage(JSON.parse(JSON.stringify(named))));
    };
    const worker = new Peer(id, (message) => ownLocks.takes(message) || send(message));
    const parentOf = (at) => PathInfo.get(at).parentPath;
    const isConnected = () => this.#random(20) > 0;
    const ownLocks = new OwnLocks(worker, grants, KEEP, { parentOf, isConnected, send, flush() {} });
    const hear = (message) => {
      if (message.type === 'lock-result') {
        assert.ok(message.ok, message.reason);
        message.data.tid = ownLocks.whoIs(message.data.tid);
        grants.note(message.data);
      }
      if (worker._requests.has(message.id)) {
        worker.handleMessage(message);
      }
    };
    this.#peers.set(id, (message) => fromMaster(() => hear(JSON.parse(JSON.stringify(message)))));
    return worker;
  }

  /** A transaction that does what it likes, among what transactions of AceBase do. */
  async transaction(worker, tid) {
    const write = this.#random(3) > 0;
    const locks = [await this.#lock(worker, tid, write)];
    for (let step = this.#random(4); step > 0; step--) {
      await this.#rest();
      if (locks.at(-1).path && this.#random(3) === 0) {
        locks.push(await this.#move(locks.pop()));
      } else {
        locks.push(await this.#lock(worker, tid, write && this.#random(3) === 0));
      }
    }
    while (locks.length > 0) {
      const [lock] = locks.splice(this.#random(locks.length), 1);
      this.#held.delete(lock);
      await lock.release();
      await this.#rest();
    }
  }

  async #lock(worker, tid, write) {
    this.wanted++;
    const lock = await worker.lock({ path: PATHS[this.#random(PATHS.length)], tid, write, comment: 'test' });
    assert.deepEqual([lock.tid, lock.forWriting], [tid, write]);
    return this.#note(lock);
  }

  async #move(lock) {
    this.#held.delete(lock);
    const moved = await lock.moveToParent();
    assert.equal(moved.path, PathInfo.get(lock.path).parentPath);
    return this.#note(moved);
  }

  /** Nobody else has one that is in the way. */
  #note(lock) {
    for (const { tid, forWriting } of this.#held) {
      assert.ok(tid === lock.tid || !(forWriting || lock.forWriting), `${lock.tid} while ${tid} has a lock`);
    }
    this.#held.add(lock);
    return lock;
  }

  async #rest() {
    const kind = this.#random(6);
    if (kind === 0) {
      await sleep(1);
    } else if (kind < 3) {
      await turn();
    }
  }

  get isQuiet() {
    return [this.master, ...this.workers].every((peer) => peer._locks.length === 0);
  }
}

async function play(random) {
  const world = new World(random);
  const loop = async (worker, name) => {
    for (let n = 0; n < TRANSACTIONS; n++) {
      await world.transaction(worker, `${name}-${n}`);
    }
  };
  const loops = world.workers.flatMap((worker) =>
    Array.from({ length: 1 + random(LOOPS) }, (_, n) => loop(worker, `${worker.id}-${n}`)),
  );
  await Promise.all(loops);
  for (let n = 0; n < 100 && !world.isQuiet; n++) {
    await turn();
  }
  assert.ok(world.isQuiet, 'somebody has a lock still');
  return { transactions: loops.length * TRANSACTIONS, wanted: world.wanted, asked: world.asked };
}

test('whoever decides itself about its locks excludes as a master would', async (t) => {
  const end = performance.now() + SHARE;
  const first = Date.now() >>> 0;
  let [seed, transactions, wanted, asked] = [first, 0, 0, 0];
  while (performance.now() < end || seed < first + FEWEST_SEEDS) {
    const played = await play(randomFrom(seed)).catch((error) => {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
    });
    transactions += played.transactions;
    wanted += played.wanted;
    asked += played.asked;
    seed++;
  }
  t.diagnostic(`${seed - first} seeds, ${transactions} transactions, ${asked} of ${wanted} locks of the master`);
  assert.ok(asked < wanted / 2, `workers decide too little: ${asked} of ${wanted} locks were the master's`);
});
