'use strict';

// A cluster whose processes all have the client, under load, and a hub that is taken away again and again. What becomes
// of writes, requests, events and processes.

const assert = require('node:assert/strict');

const { prepareCluster } = require('../../cluster/support/cluster.js');
const { findMissing, LoadedWorkers, ROOT } = require('../../cluster/support/loaded.js');
const { sleep, until } = require('../../cluster/support/wait.js');
const { ENV } = require('./client.js');
const { CLIENT_SETTINGS, FAULTS, startWorld } = require('./faults.js');

const WORKERS = 3;

/** How long it takes until all know of a subscription, in milliseconds. */
const SUBSCRIBE_TIME = 1000;

/** How long the load runs before the first fault, in milliseconds. */
const PRELUDE = 2000;

/** After how long a request counts as hung, in milliseconds: longer than any fault. */
const GIVE_UP = 150_000;

/** How long the cluster may take to go on after a fault, in milliseconds, before this is given up. */
const RECOVERY_LIMIT = 60_000;

/** How long events may take at the end, in milliseconds. */
const EVENT_LIMIT = 10_000;

/**
 * @typedef {object} Figures
 * @property {number} faults How many there were.
 * @property {number} confirmed Writes.
 * @property {number} missing Of those, not in the files.
 * @property {number} hung Requests without an answer.
 * @property {string[]} failures Errors of requests.
 * @property {string[]} ended Processes that ended, with their last words.
 * @property {number} unheard Events of confirmed writes that a process did not get, though it was not cut off for long.
 * @property {number} doubled Events that a process got twice.
 * @property {number} longest The longest time from the end of a fault until all have written again, in milliseconds.
 */

/**
 * @param {{ after(action: () => unknown): void }} t
 * @param {{ fault: keyof typeof FAULTS, every: number, duration?: number, total: number, former?: string, cluster?:
 *   object, tell?: (line: string) => void }} settings `every`: time between faults, `duration`: of one, `total`: of
 *   all, in milliseconds. `former`: the folder of another version of this package. `cluster`: settings of the
 *   processes.
 * @returns {Promise<Figures>} Without the failures that the fault allows; `allowed`: how many there were.
 */
async function runOrdeal(t, { fault, duration, former, cluster: settings, ...rhythm }) {
  const { strike, hub, cluster: own, allows, losesEvents } = FAULTS[fault];
  const world = await startWorld(t, { hub, former });
  const place = { port: world.proxy.port, env: ENV, ipc: CLIENT_SETTINGS };
  const cluster = prepareCluster(t, { ...place, ...own, ...settings });
  const strikeOnce = async () => {
    await strike(world, duration);
    world.faults++;
    return losesEvents ? cluster.processes.map(({ name }) => name) : [];
  };
  const { failures, ...figures } = await endure(cluster, { strike: strikeOnce, what: fault, ...rhythm });
  const others = failures.filter((failure) => !allows?.test(failure));
  return { ...figures, failures: [...new Set(others)], allowed: failures.length - others.length };
}

/**
 * Puts a cluster under load, and lets something happen to it again and again.
 * @param {object} cluster Of `prepareCluster`: all of its processes have the client, with `CLIENT_SETTINGS`.
 * @param {{ strike: () => Promise<string[] | void>, what: string, every: number, total?: number, times?: number, tell?:
 *   (line: string) => void }} settings `strike` resolves when the fault is over, with the names of the processes that
 *   were cut off for so long that they have missed events: for those is not made up. `times`: how often there is one at
 *   least. The others are as in `runOrdeal`.
 * @returns {Promise<Figures>}
 */
async function endure(cluster, { strike, what, every, total = 0, times = 1, tell = () => {} }) {
  await cluster.startMaster();
  const loaded = new LoadedWorkers(cluster, { loops: 2, pause: 10, giveUpAfter: GIVE_UP });
  let subscribed;
  await loaded.start(WORKERS, () => (subscribed ??= subscribe(loaded.workers)));
  await sleep(PRELUDE);
  let faults = 0;
  let longest = 0;
  const cutOff = new Set();
  for (const end = Date.now() + total; faults < times || Date.now() < end; ) {
    for (const name of (await strike()) ?? []) {
      cutOff.add(name);
    }
    faults++;
    const back = Date.now();
    await until('writes of all workers', RECOVERY_LIMIT, () => loaded.allWroteSince(back));
    longest = Math.max(longest, Date.now() - back);
    tell(`${what} ${faults}: all wrote again ${Date.now() - back} ms after the end`);
    await sleep(Math.max(0, back + every - Date.now()));
  }
  const reports = await loaded.stop();
  return { faults, longest, ...(await judge(cluster, loaded, reports, cutOff)) };
}

/** Each worker hears of the writes of all, before the first one. */
async function subscribe(workers) {
  const watch = (worker) => workers.map(({ name }) => worker.call('watch', `${ROOT}/${name}`, 'child_added'));
  await Promise.all(workers.flatMap(watch));
  await sleep(SUBSCRIBE_TIME);
}

async function judge(cluster, loaded, reports, cutOff) {
  const sum = (count) => reports.reduce((total, report) => total + count(report), 0);
  const heard = await eventsOf(loaded, reports, cutOff);
  const ended = cluster.processes.filter((child) => !child.isAlive);
  const { [ROOT]: tree } = await cluster.audit([ROOT]);
  return {
    confirmed: sum(({ confirmed }) => confirmed.length),
    missing: sum(({ name, confirmed }) => findMissing(tree, name, confirmed).length),
    hung: sum(({ lost }) => lost),
    failures: reports.flatMap(({ failures }) => failures),
    ended: ended.map(({ name, lastWords }) => `${name}: ${lastWords}`),
    ...heard,
  };
}

/** What each process has heard of each confirmed write. Those that were cut off may have missed some. */
async function eventsOf(loaded, reports, cutOff) {
  const expected = reports.flatMap(({ name, confirmed }) => confirmed.map((key) => `${ROOT}/${name}/${key}`));
  const counts = async (worker) => {
    const seen = new Map();
    for (const { path } of await worker.call('events')) {
      seen.set(path, (seen.get(path) ?? 0) + 1);
    }
    return seen;
  };
  const isComplete = async (worker) => {
    const seen = await counts(worker);
    return expected.every((path) => seen.has(path));
  };
  let [unheard, doubled] = [0, 0];
  for (const worker of loaded.workers.filter(({ isAlive }) => isAlive)) {
    const mustHearAll = !cutOff.has(worker.name);
    if (mustHearAll) {
      await until('all events', EVENT_LIMIT, () => isComplete(worker)).catch(() => {});
    }
    const seen = await counts(worker);
    unheard += mustHearAll ? expected.filter((path) => !seen.has(path)).length : 0;
    doubled += expected.filter((path) => seen.get(path) > 1).length;
  }
  return { unheard, doubled };
}

/** Something was written, and nothing was lost, hung, failed or came twice; nobody ended. */
function assertUnharmed(t, { longest, faults, confirmed, allowed, ...damage }) {
  t.diagnostic(`${faults} faults, ${confirmed} writes confirmed, the longest pause took ${longest} ms`);
  assert.ok(confirmed > 0);
  assert.deepEqual(damage, { missing: 0, hung: 0, failures: [], ended: [], unheard: 0, doubled: 0 });
}

module.exports = { assertUnharmed, CLIENT_SETTINGS, endure, runOrdeal };
