'use strict';

// A process that has the database open, with the published packages as they are, and does with it what the test says.
// ACEBASE_PACKAGE is the folder of another version of AceBase.

const { setTimeout: sleep } = require('node:timers/promises');

const { AceBase } = require(process.env.ACEBASE_PACKAGE ?? 'acebase');

const { ID } = require('acebase-core');

const { Load } = require('./load.js');
const { logLocks } = require('./lock-log.js');
const { serve } = require('./rpc.js');
const { longText, summary } = require('./text.js');

const { name, storage } = JSON.parse(process.argv[2]);

/** What the hub told about other processes coming and going: the client prints every frame that it receives. */
const tidings = [];
const print = console.log;
console.log = (...parts) => {
  if (/^(dis)?connect:/.test(parts[0])) {
    tidings.push(parts[0]);
  }
  print(...parts);
};

const db = new AceBase(name, { logLevel: 'error', storage });
logLocks(db.api.storage);

/**
 * Requests that an application has taught its master to be ended, or stopped, by: as a lack of memory would, or an
 * endless loop.
 */
const fatal = {
  'test.end': () => process.kill(process.pid, 'SIGKILL'),
  'test.block': () => {
    for (;;) {}
  },
};
const { ipc } = db.api.storage;
const emit = ipc.emit;
ipc.emit = (event, message) => {
  if (event === 'request') {
    fatal[message.data.type]?.();
  }
  return emit.call(ipc, event, message);
};

/** What the client of this package has told of its connection, oldest first. */
const states = [];
ipc.on('connection', (state) => states.push(state));

/** Events of all subscriptions, oldest first. */
const events = [];
const subscriptions = new Map();
/** The locks of each transaction of the test's own, oldest first. */
const own = new Map();
let load;
const writing = [];
let isWriting = false;

serve({
  ready: () => db.ready(),
  /** Whether it has read the files; the client of this package is ready only when it has a connection. */
  hasOpened: () => db.api.storage._ready,
  /** Resolves when the published client has its connection: the database is ready without, and a master writes. */
  async connected() {
    while (ipc.ws?.readyState !== 1) {
      await sleep(10);
    }
  },
  set: (path, value) => write(path, value),
  setLong: (path, bytes) => write(path, longText(bytes)),
  /** Writes an object of so many children, each in a record of its own. */
  setChildren: (path, count) => write(path, children(count)),
  /** Adds so many children to an object, again and again; resolves with all of them. */
  async addChildren(path, rounds, count) {
    const all = {};
    for (let round = 0; round < rounds; round++) {
      const more = Object.entries(children(count)).map(([key, value]) => [`round-${round}-${key}`, value]);
      await db.ref(path).update(Object.fromEntries(more));
      Object.assign(all, Object.fromEntries(more));
    }
    return all;
  },
  count: (path) => db.ref(path).count(),
  get: async (path) => summary((await db.ref(path).get()).val()),

  /** Resolves with the names of the indexes that this process knows then. */
  async createIndex(path, key) {
    await db.indexes.create(path, key);
    return (await db.indexes.get()).map((index) => index.fileName);
  },
  /** The keys of the children of which `key` has this value, found by an index. */
  async find(path, key, value) {
    const found = await db.query(path).filter(key, '==', value).get();
    return found.map((snapshot) => snapshot.key);
  },
  /** The names of the indexes that this process knows. */
  indexes: async () => (await db.indexes.get()).map((index) => index.fileName),
  deleteIndex: (fileName) => db.indexes.delete(fileName),

  /** Subscribes; what happened before is of no interest. */
  watch(path, event) {
    const subscription = db
      .ref(path)
      .on(event)
      .subscribe((snapshot) => {
        events.push({ event, path: snapshot.ref.path, value: summary(snapshot.val()) });
      });
    subscriptions.set(`${event} ${path}`, subscription);
  },
  /** Ends the last subscription of this kind. */
  unwatch: (path, event) => subscriptions.get(`${event} ${path}`).stop(),
  events: () => events,
  tidings: () => tidings,
  states: () => states,
  /** The transactions that have a lock of this master. */
  grantedLocks: () => ipc._locks.filter(({ granted }) => granted).map(({ tid }) => tid),
  /** The ids of the processes that this one knows of. */
  peers: () => ipc.peers.map((peer) => peer.id),
  /** Asks the master for something. */
  ask: (type, data) => ipc.sendRequest({ type, ...data }),

  /** The id of a new transaction of the test's own. */
  begin: () => ID.generate(),
  /** It takes a lock. */
  async lock(tid, path, write) {
    await lockAs(tid, path, write);
  },
  /** It returns the last one, or the one at this place. */
  unlock: (tid, at = -1) => own.get(tid).splice(at, 1)[0].release(),

  /** A transaction returns its lock, and another one takes one in the same turn of the event loop, or after work. */
  async goOn(former, next, path, work = 0) {
    const first = await lockAs(former, 'elsewhere', true);
    await own.get(former).pop().release();
    computeFor(work);
    return { former: first.id, next: outlineOf(await lockAs(next, path, true)) };
  },
  /** Its last lock moves to the parent. */
  async move(tid) {
    const lock = await own.get(tid).pop().moveToParent();
    own.get(tid).push(lock);
    return outlineOf(lock);
  },

  /** Takes the write lock, for as long as this process lives. Resolves when it has it. */
  hold(path) {
    return new Promise((resolve, reject) => {
      const isHolding = () => {
        resolve();
        return new Promise(() => {});
      };
      db.ref(path).transaction(isHolding).catch(reject);
    });
  },

  /** Takes the write lock for a while, in milliseconds, and writes. Resolves when it has the lock. */
  holdFor(path, duration) {
    return new Promise((resolve, reject) => {
      const isHolding = () => {
        resolve();
        return new Promise((written) => setTimeout(written, duration, { held: duration }));
      };
      db.ref(path).transaction(isHolding).catch(reject);
    });
  },

  /** Writes without a pause, in so many loops. */
  startWriting(path, loops) {
    isWriting = true;
    for (let loop = 0; loop < loops; loop++) {
      writing.push(writeOnAndOn(`${path}/${loop}`));
    }
  },
  /** Resolves when no write is under way. */
  async stopWriting() {
    isWriting = false;
    await Promise.all(writing);
  },
  /** Writes, and in the same turn of the event loop begins a transaction that computes for a while, in milliseconds. */
  async writeThenCompute(path, duration) {
    await write(path, 'written');
    await db.ref(path).transaction(() => {
      computeFor(duration);
      return 'computed';
    });
  },
  /** Writes so many times, one after the other. */
  async writeInTurn(path, times) {
    for (let n = 1; n <= times; n++) {
      await write(path, n);
    }
  },
  /** While it writes elsewhere, it writes one value, and the other one when it has written. */
  async writeBehind(path, [one, other]) {
    const elsewhere = write('elsewhere', other);
    const first = write(path, one);
    await elsewhere;
    await Promise.all([write(path, other), first]);
  },
  /** Takes and releases the write lock so many times, and tells how long it waited for it each time, in ms. */
  async waitForLocks(times, pause) {
    const waits = [];
    for (let n = 0; n < times; n++) {
      const before = performance.now();
      const lock = await ipc.lock({ path: 'lock', tid: `own-${n}`, write: true, comment: 'test' });
      waits.push(performance.now() - before);
      await lock.release();
      await sleep(pause);
    }
    return waits;
  },

  /** Closes the database; the process stays for the test's sake. */
  close: () => db.close(),

  startLoad(path, settings) {
    load = new Load(db, path, settings);
  },
  load: () => load.report(),
  stopLoad: () => load.stop(),
});

async function lockAs(tid, path, write) {
  const lock = await db.api.storage.nodeLocker.lock(path, tid, write, 'test');
  own.set(tid, [...(own.get(tid) ?? []), lock]);
  return lock;
}

/** Nothing else happens in this process meanwhile. */
function computeFor(duration) {
  const end = performance.now() + duration;
  while (performance.now() < end) {}
}

function outlineOf({ id, tid, path, forWriting }) {
  return { id, tid, path, forWriting };
}

function children(count) {
  return Object.fromEntries(Array.from({ length: count }, (_, number) => [`child${number}`, { number }]));
}

async function writeOnAndOn(path) {
  for (let n = 0; isWriting; n++) {
    await write(path, n);
  }
}

async function write(path, value) {
  await db.ref(path).set(value);
}
