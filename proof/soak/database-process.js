'use strict';

// A process of the cluster, with the published packages as they are: it writes and reads what it is told, and keeps
// what its subscriptions bring.

const { AceBase } = require('acebase');

const { serve } = require('../../__test__/cluster/support/rpc.js');
const { describeValue, makeValue } = require('./value.js');

const { name, storage } = JSON.parse(process.argv[2]);

// The client prints every frame that it gets: a hundred gigabytes in an hour, which nobody reads.
console.log = () => {};

const db = new AceBase(name, { logLevel: 'error', storage });

/** What subscriptions brought since it was asked for last, oldest first. */
let news = [];

/** Ways to write a value; each resolves with what it found there, if it looked. */
const WRITES = {
  set: (ref, value) => ref.set(value).then(() => undefined),
  update: (ref, value) => ref.update(value).then(() => undefined),
  remove: (ref) => ref.remove().then(() => undefined),
  async transaction(ref, value) {
    let found;
    await ref.transaction((snapshot) => {
      found = describeValue(snapshot.val());
      return value;
    });
    return found;
  },
};

serve({
  ready: () => db.ready(),
  write: (kind, path, token, size) => WRITES[kind](db.ref(path), makeValue(token, size)),
  read: async (path) => describeValue((await db.ref(path).get()).val()),

  /** Adds one, and resolves with the sum. */
  async count(path) {
    let sum;
    await db.ref(path).transaction((snapshot) => {
      sum = (snapshot.val() ?? 0) + 1;
      return sum;
    });
    return sum;
  },

  /** The tree's upper levels are there before anybody writes. */
  async plant(path) {
    await db.ref(path).update({ planted: true });
  },

  /** Subscribes to values. Resolves when the present ones are known. */
  watch: (paths) => Promise.all(paths.map(watch)),
  news() {
    const fresh = news;
    news = [];
    return fresh;
  },

  /** Reads everything with one request, and describes the places in question. */
  async readAll(places, counters) {
    const tree = (await db.root.get()).val();
    return {
      values: Object.fromEntries(places.map((path) => [path, describeValue(follow(tree, path))])),
      counts: Object.fromEntries(counters.map((path) => [path, follow(tree, path) ?? 0])),
    };
  },

  /** Ends as an application does that is told to. */
  async close() {
    await db.close();
    setImmediate(() => process.exit(0));
  },
});

/** What is there now comes first, unless an event was faster: then it tells more. */
async function watch(path) {
  let hasNews = false;
  db.ref(path)
    .on('value')
    .subscribe((snapshot) => {
      hasNews = true;
      news.push({ path, token: describeValue(snapshot.val()) });
    });
  const present = describeValue((await db.ref(path).get()).val());
  if (!hasNews) {
    news.push({ path, token: present, isPresent: true });
  }
}

function follow(tree, path) {
  return path.split('/').reduce((node, key) => node?.[key], tree);
}
