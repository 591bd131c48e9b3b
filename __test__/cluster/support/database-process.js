'use strict';

// A process that has the database open, with the published packages as they are, and does with it what the test says.
// ACEBASE_PACKAGE is the folder of another version of AceBase.

const { AceBase } = require(process.env.ACEBASE_PACKAGE ?? 'acebase');

const { Load } = require('./load.js');
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

/** Events of all subscriptions, oldest first. */
const events = [];
let load;

serve({
  ready: () => db.ready(),
  set: (path, value) => write(path, value),
  setLong: (path, bytes) => write(path, longText(bytes)),
  /** Writes an object of so many children, each in a record of its own. */
  setChildren: (path, count) => write(path, children(count)),
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
    db.ref(path)
      .on(event)
      .subscribe((snapshot) => {
        events.push({ event, path: snapshot.ref.path, value: summary(snapshot.val()) });
      });
  },
  events: () => events,
  tidings: () => tidings,
  /** The ids of the processes that this one knows of. */
  peers: () => ipc.peers.map((peer) => peer.id),
  /** Asks the master for something. */
  ask: (type) => ipc.sendRequest({ type }),

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

  /** Closes the database; the process stays for the test's sake. */
  close: () => db.close(),

  startLoad(path, settings) {
    load = new Load(db, path, settings);
  },
  load: () => load.report(),
  stopLoad: () => load.stop(),
});

function children(count) {
  return Object.fromEntries(Array.from({ length: count }, (_, number) => [`child${number}`, { number }]));
}

async function write(path, value) {
  await db.ref(path).set(value);
}
