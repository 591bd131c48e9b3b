'use strict';

// Hosts that vanish: their clients send no FIN and no RST, and all that is sent to them is swallowed.

const assert = require('node:assert/strict');

const { prepareCluster } = require('../../__test__/cluster/support/cluster.js');
const { sleep, until } = require('../../__test__/cluster/support/wait.js');
const { startPeers } = require('./peers.js');
const { seconds } = require('./seconds.js');
const { startDistantHub } = require('./wire.js');

/** How long a request may take that a new master answers, in milliseconds. */
const HANG_LIMIT = 20_000;

/** The hub's `userTimeout`, and its `keepAlive` with three unanswered probes, in milliseconds. */
const USER_TIMEOUT = 30_000;
const KEEP_ALIVE = 30_000;

/** The hub's `resumeWindow` and `releaseLocksAfter`, in milliseconds. */
const RESUME_WINDOW = 5000;
const RELEASE_AFTER = 10_000;

/** How late the kernel's timers may be, in milliseconds: they double their distances. */
const TIMER_SLACK = 5000;

/**
 * When a message is sent to a host that is gone but not yet known to be, in milliseconds: `userTimeout` counts from
 * then.
 */
const LATE_MESSAGE = 20_000;

/**
 * AceBase's own, in seconds: longer than the hub needs to drop the holder of a lock, and to release it if it were dead.
 */
const LOCK_TIMEOUT = 75;

/** Measures when clients are dropped, from a time on. */
function droppedAfter(near, cut) {
  return async (name, limit) => {
    const isDropped = async () => (await near.call('tidings', `watcher-of-${name}`)).includes(`disconnect:${name}`);
    await until(`the end of ${name}`, limit + TIMER_SLACK, isDropped);
    return Date.now() - cut;
  };
}

/** Clients of which one is idle, one has messages on the way, and one is sent messages later. */
async function vanishedClients(t) {
  const { hub, wire, distance } = await startDistantHub(t);
  const near = startPeers(t, '127.0.0.1', hub.port);
  const far = startPeers(t, wire.nearHost, hub.port, distance.launcher);
  // Each in a database of its own: else the departure of one would be a message to the next.
  for (const name of ['idle-1', 'busy-1', 'late-1']) {
    await near.join(`watcher-of-${name}`, name);
    await far.join(name, name);
  }
  const send = (name) => near.call('send', `watcher-of-${name}`, name, 0, 10);
  await wire.set({ isOpen: false });
  const goneAfter = droppedAfter(near, Date.now());
  await send('busy-1');
  const [idle, busy, late] = await Promise.all([
    goneAfter('idle-1', KEEP_ALIVE),
    goneAfter('busy-1', USER_TIMEOUT),
    sleep(LATE_MESSAGE)
      .then(() => send('late-1'))
      .then(() => goneAfter('late-1', USER_TIMEOUT)),
  ]);
  assert.ok(late > LATE_MESSAGE + USER_TIMEOUT - TIMER_SLACK, 'the late message made no difference');
  return `dropped after ${seconds(idle)} (idle), ${seconds(busy)} (messages on the way), ${seconds(late)} (messages after ${seconds(LATE_MESSAGE)})`;
}

/**
 * A worker vanishes with the write lock, and with so much on the way to it that more waits in the hub. Another one's
 * write waits.
 */
async function vanishedHolder(t) {
  const { hub, wire, distance } = await startDistantHub(t);
  const cluster = prepareCluster(t, { port: hub.port, lockTimeout: LOCK_TIMEOUT });
  await cluster.startMaster();
  const waiting = await cluster.startWorker();
  const idOf = await newcomer(hub, cluster);
  const distant = prepareCluster(t, { port: hub.port, lockTimeout: LOCK_TIMEOUT, folder: cluster.folder, ...distance });
  const holder = await distant.startWorker('holder');
  const holderId = await idOf();
  const near = startPeers(t, '127.0.0.1', hub.port);
  await near.join('flooder', cluster.hubName);
  await waiting.call('set', 'counter', 1);
  const held = Date.now();
  await holder.call('hold', 'counter');

  await wire.set({ isOpen: false });
  await near.call('flood', 'flooder', holderId);
  let writtenAfter;
  const written = waiting.callWithin(2 * LOCK_TIMEOUT * 1000, 'set', 'patience', 'rewarded').then(() => {
    writtenAfter = Date.now() - held;
  });
  // It is looked at in the end; a failure before that is told first.
  written.catch(() => {});
  const isGone = async () => !(await hub.child.call('clients', cluster.hubName)).includes(holderId);
  await until('the end of the holder', USER_TIMEOUT + RESUME_WINDOW + TIMER_SLACK, isGone);
  await sleep(RELEASE_AFTER + 3000);
  assert.equal(writtenAfter, undefined, 'the lock was taken from a process that may be alive');
  await written;
  assert.ok(writtenAfter < LOCK_TIMEOUT * 1000 + TIMER_SLACK, `the lock ended after ${writtenAfter} ms`);
  cluster.assertAlive();
  assert.deepEqual(await cluster.audit(['counter', 'patience']), { counter: 1, patience: 'rewarded' });
  return `the lock, of ${LOCK_TIMEOUT} s, ended after ${seconds(writtenAfter)}`;
}

/** Remembers who is there; the returned function tells who has come since. */
async function newcomer(hub, cluster) {
  const clients = () => hub.child.call('clients', cluster.hubName);
  const before = await clients();
  return async () => (await clients()).find((id) => !before.includes(id));
}

/** The host of the master vanishes, and a new master starts elsewhere. */
async function vanishedMaster(t) {
  const { hub, wire, distance } = await startDistantHub(t);
  const distant = prepareCluster(t, { port: hub.port, ...distance });
  await distant.startMaster();
  const cluster = prepareCluster(t, { port: hub.port, folder: distant.folder });
  const worker = await cluster.startWorker();
  await worker.call('set', 'before', 1);
  await wire.set({ isOpen: false });
  await distant.master.end();
  const written = worker.callWithin(HANG_LIMIT, 'set', 'during', 2);
  await sleep(1000);
  const started = Date.now();
  await cluster.startMaster();
  await written;
  const recovery = Date.now() - started;
  cluster.assertAlive();
  assert.deepEqual(await cluster.audit(['before', 'during']), { before: 1, during: 2 });
  return `a write that had gone to the vanished master was confirmed ${seconds(recovery)} after the start of the new one`;
}

const SCENARIOS = [
  {
    fault: 'hosts of clients vanish without FIN',
    promise: 'dropped 30 s after the last sign of life, or after the first message that is not acknowledged',
    run: vanishedClients,
  },
  {
    fault: 'the host of a worker with the write lock vanishes without FIN',
    promise: 'its connection is dropped; its lock is left to lockTimeout, for it may be writing',
    run: vanishedHolder,
  },
  {
    fault: "the master's host vanishes without FIN, a new master starts elsewhere",
    promise: 'it takes over after 3.5 s without a sign of life, requests of the former one included',
    run: vanishedMaster,
  },
];

module.exports = { SCENARIOS };
