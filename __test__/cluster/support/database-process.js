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

/** Events of all subscriptions, oldest first. */
const events = [];
let load;

serve({
  ready: () => db.ready(),
  set: (path, value) => write(path, value),
  setLong: (path, bytes) => write(path, longText(bytes)),
  get: async (path) => summary((await db.ref(path).get()).val()),

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
  peers: () => db.api.storage.ipc.peers.map((peer) => peer.id),

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

async function write(path, value) {
  await db.ref(path).set(value);
}
