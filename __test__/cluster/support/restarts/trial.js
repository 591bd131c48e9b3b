'use strict';

// A hub is restarted again and again under the load of real processes, and figures are taken of what they notice.

const { prepareCluster } = require('../cluster.js');
const { findMissing, ROOT } = require('../loaded.js');
const { sleep } = require('../wait.js');
const { watchRestart } = require('./absence.js');
const { judgeEvents } = require('./events.js');
const { Connections } = require('./sockets.js');
const { Writers } = require('./writers.js');

const WORKERS = 3;

/** How long the load runs before the first restart, and after one that nobody noticed, in milliseconds. */
const CALM = 2000;

/**
 * How long clients that have lost their connection may still end themselves, in milliseconds: they do so up to 10 s
 * after a refusal.
 */
const AFTERMATH = 13_000;

/** How long all may take to write again, in milliseconds: longer than AceBase's `lockTimeout`, which ends all waits. */
const RECOVERY_LIMIT = 200_000;

/** How often it is looked whether they do, in milliseconds. */
const LOOK_INTERVAL = 500;

/** What takes longer than this, in milliseconds, hangs: `releaseLocksAfter`, within which all must go on, and some. */
const HUNG = 15_000;

/**
 * @typedef {object} Restart
 * @property {number} from When the hub was there last, in milliseconds since the epoch.
 * @property {number} absence How long it was away, in milliseconds.
 * @property {number} recovery After how long each process had written again, in milliseconds.
 * @property {number} reconnections How many connections did not survive it.
 * @property {number} longest The longest that a write or read took that was under way then or began later, in
 *   milliseconds.
 *
 * @typedef {object} Figures
 * @property {Restart[]} restarts
 * @property {number} confirmed Writes.
 * @property {number} hung Writes and reads.
 * @property {number} unanswered Those of them that were given up after `lockTimeout`: they never return.
 * @property {string[]} rejections Messages of writes and reads that failed.
 * @property {number} reconnections
 * @property {string[]} ends Last words of processes that ended themselves.
 * @property {{ expected: number, lost: number, doubled: number }} events
 * @property {string | undefined} damage Why a fresh process cannot read the files.
 * @property {number} missing Confirmed writes that are not in them.
 * @property {number} stalls How many restarts made somebody hang.
 */

/**
 * @param {import('node:test').TestContext} t
 * @param {import('./variants.js').Variant} variant
 * @param {number} count How many restarts.
 * @param {(line: string) => void} [tell] Is told of each restart.
 * @returns {Promise<Figures>}
 */
async function tryRestarts(t, { run, long }, count, tell = () => {}) {
  const hub = await run(t);
  const cluster = prepareCluster(t, { port: hub.port, ipc: hub.ipc, env: hub.env });
  const writers = new Writers(cluster, { long });
  await writers.start(WORKERS);
  await sleep(CALM);
  const restarts = [];
  for (let n = 1; n <= count; n++) {
    const restart = await restartOnce(hub, writers);
    restarts.push(restart);
    const { absence, reconnections, recovery } = restart;
    tell(`restart ${n}: away ${absence} ms, ${reconnections} connections lost, all wrote after ${recovery} ms`);
  }
  await writers.stop();
  return takeFigures(cluster, writers, restarts);
}

async function restartOnce(hub, writers) {
  const connections = new Connections(writers.living, hub.port);
  const { from, to, absence } = await watchRestart(hub);
  connections.look();
  await writeAgain(writers, to);
  const recovery = Date.now() - to;
  await sleep(CALM);
  connections.look();
  if (connections.lost.size > 0) {
    await sleep(AFTERMATH);
    await writeAgain(writers, Date.now());
  }
  return { from, absence, reconnections: connections.lost.size, recovery };
}

/** Those that cannot write are told by what they wait for, in the end. */
async function writeAgain(writers, since) {
  const deadline = Date.now() + RECOVERY_LIMIT;
  while (!(await writers.allWroteSince(since)) && Date.now() < deadline) {
    await sleep(LOOK_INTERVAL);
  }
}

async function takeFigures(cluster, writers, restarts) {
  const events = await judgeEvents(writers);
  const reports = writers.all.flatMap(({ report }) => report ?? []);
  const slow = reports.flatMap((report) => report.slow);
  const timed = restarts.map((restart, n) => ({ ...restart, longest: longestIn(slow, restart, restarts[n + 1]) }));
  return {
    restarts: timed,
    confirmed: reports.reduce((sum, { confirmed }) => sum + confirmed.length, 0),
    hung: slow.filter(({ took }) => took > HUNG).length,
    unanswered: reports.reduce((sum, { lost }) => sum + lost, 0),
    rejections: reports.flatMap(({ failures }) => failures),
    reconnections: timed.reduce((sum, { reconnections }) => sum + reconnections, 0),
    ends: writers.ended.map(({ child }) => `${child.name}: ${child.lastWords}`),
    events,
    ...(await auditFiles(cluster, writers)),
    stalls: timed.filter(({ longest }) => longest > HUNG).length,
  };
}

/** The longest of those that were under way at a restart or began after it, until the next one. */
function longestIn(slow, { from }, next) {
  const end = next?.from ?? Number.POSITIVE_INFINITY;
  const those = slow.filter(({ started, took }) => started < end && started + took > from);
  return Math.max(0, ...those.map(({ took }) => took));
}

/** A fresh process reads the whole database. */
async function auditFiles(cluster, { all }) {
  try {
    const { [ROOT]: tree } = await cluster.audit([ROOT]);
    const missing = all.flatMap(({ place, report }) => findMissing(tree, place, report?.confirmed ?? []));
    return { damage: undefined, missing: missing.length };
  } catch (error) {
    return { damage: error.message.split('\n')[0], missing: 0 };
  }
}

module.exports = { tryRestarts };
