#!/usr/bin/env node
'use strict';

// `npm run bench:cluster`: what a user feels. Real AceBase processes, a master and some workers, each working on a path
// of its own in a loop: through the hub, with its coordination and without, through the `ws` yardstick, which has none,
// and through AceBase's own socket mode. Also told: whose processor time an operation is, and how long a lock takes
// that nobody else wants.

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { NO_COORDINATION } = require('./rows.js');
const { EXIT_NO_RUN, readArguments, runCommand } = require('./support/command.js');
const { median, number, textTable, writeReport } = require('./support/report.js');
const { commands, startServer } = require('./support/servers.js');

const HELP = `Usage: npm run bench:cluster -- [options]
  --workers N,N,...  sizes of the cluster [2,4,8]
  --seconds S        measured time of one run [5]
  --warm-up S        time before that in which all work as they do then, and nothing is measured: V8 compiles what a
                     process does often in its first seconds, which costs more than all that is to be measured [10]
  --rounds N         rounds of all runs [1]
  --load LOAD        what workers do: update, work (5 ms under the lock), or mixed (one update in five, else reads);
                     may be repeated [update]
  --only SYSTEM      hub, hub-client (this package's client), hub-client-no-keep (keepLocksFor: 0), hub-no-pass
                     (passLocksFor: 0), hub-no-gather (gatherNotifications: 0), hub-bare (no coordination), ws or socket
                     (may be repeated)
  --hub COMMAND      run this instead of bench/hub.js
  --out FILE         where the results go [bench/results-cluster.json]`;

const PEER = path.join(__dirname, 'support', 'cluster-peer.js');
/** What is loaded before everything else by processes that have it. */
const CLIENT = path.join(__dirname, '..', 'lib', 'client', 'index.js');
/** What the processes talk through. Without a server, AceBase's socket mode. */
const SYSTEMS = {
  hub: { kind: 'hub' },
  'hub-client': { kind: 'hub', hasClient: true },
  'hub-client-no-keep': { kind: 'hub', hasClient: true, ipc: { keepLocksFor: 0 } },
  'hub-no-pass': { kind: 'hub', options: { passLocksFor: 0 } },
  'hub-no-gather': { kind: 'hub', options: { gatherNotifications: 0 } },
  'hub-bare': { kind: 'hub', options: NO_COORDINATION },
  ws: { kind: 'ws' },
  socket: undefined,
};
/** What the workers do, as `support/cluster-peer.js` has it. */
const LOADS = ['update', 'work', 'mixed'];
/** Clock ticks in which Linux counts processor time in /proc, per second. */
const TICKS_PER_SECOND = 100;
/** Whose processor time is told: of the workers together, of the master, of the hub or router. */
const CPU = ['worker', 'master', 'server'];
/** How long a process may take for anything beyond the measured time, in milliseconds. */
const PATIENCE = 30_000;
const EXIT_LOST_UPDATE = 1;

/** One AceBase process, asked one thing at a time. */
class Peer {
  #child;
  #complaint = '';
  #settle;

  /** @param {string} name @param {object} storage AceBase's storage settings @param {string[]} execArgv Of Node.js */
  static async start(name, storage, execArgv) {
    const peer = new Peer(name, storage, execArgv);
    await peer.#answer(PATIENCE);
    return peer;
  }

  constructor(name, storage, execArgv) {
    this.name = name;
    this.#child = spawn(process.execPath, [...execArgv, PEER, JSON.stringify({ name, storage })], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr.on('data', (text) => {
      this.#complaint = (this.#complaint + text).slice(-2000);
    });
    this.#child.on('message', ({ error, result }) => this.#settle?.(error && new Error(`${name}: ${error}`), result));
    this.#child.on('exit', () => this.#settle?.(new Error(`${name} died: ${this.#complaint}`)));
  }

  get pid() {
    return this.#child.pid;
  }

  ask(action, details = {}, patience = PATIENCE) {
    this.#child.send({ action, ...details });
    return this.#answer(patience);
  }

  async close() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    await this.ask('close', {}, 2_000).catch(() => this.#child.kill('SIGKILL'));
    await exited;
  }

  #answer(patience) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(new Error(`${this.name} hangs: ${this.#complaint}`)), patience);
      this.#settle = (error, result) => {
        clearTimeout(timer);
        this.#settle = undefined;
        if (error) reject(error);
        else resolve(result);
      };
    });
  }
}

/** One cluster of one system: started, loaded, checked, stopped. */
async function run(system, workers, load, { milliseconds, warmUp, hub }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'acebase-ipc-cluster-'));
  const router = SYSTEMS[system];
  const server =
    router && (await startServer({ command: commands(hub)[router.kind], options: router.options, anyCore: true }));
  const peers = [];
  const start = async (name, role) => {
    const ipc = server ? { host: '127.0.0.1', port: server.port, ssl: false, role, ...router.ipc } : 'socket';
    peers.push(await Peer.start(name, { path: folder, ipc }, router?.hasClient ? ['-r', CLIENT] : []));
    return peers.at(-1);
  };
  try {
    // The socket mode's service is hub and master in one. Elsewhere the master comes first: a plain router queues
    // nothing.
    const master = server && (await start('master', 'master'));
    const team = [];
    for (let n = 1; n <= workers; n++) team.push(await start(`worker${n}`, 'worker'));
    const all = (work, time) =>
      Promise.all(team.map((worker) => worker.ask(work, { load, milliseconds: time }, PATIENCE + time)));
    await all('warmUp', warmUp);
    const cpuOfServer = stopwatch(server?.pid);
    const cpuOfMaster = stopwatch(master?.pid);
    const results = await all('load', milliseconds);
    const cpu = { server: cpuOfServer(), master: cpuOfMaster() };
    const trips = await team[0].ask('lockTrips');
    return {
      ...summarise(results, milliseconds, cpu),
      lockTrip: median(trips),
      lost: await lostUpdates(team, results),
    };
  } finally {
    await Promise.all(peers.map((peer) => peer.close()));
    await server?.stop();
    for (const leftover of [folder, serviceSocket(folder)]) fs.rmSync(leftover, { recursive: true, force: true });
  }
}

/** Where AceBase's socket mode listens for a database in this folder. It leaves the file behind. */
function serviceSocket(folder) {
  const data = path.join(folder, 'bench.acebase', 'data.db');
  const hash = createHash('sha256').update(data).digest('hex').slice(0, 8);
  return path.join('/tmp', `bench-data-${hash}.acebase.sock`);
}

/**
 * Gives a function that tells the seconds of processor time that a process has used since. They are counted in steps of
 * 10 ms.
 */
function stopwatch(pid) {
  const start = cpuOf(pid);
  return () => cpuOf(pid) - start;
}

/** NaN where nobody tells: there is no such process, or this is not Linux. */
function cpuOf(pid) {
  try {
    const [user, system] = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ').slice(11, 13);
    return (Number(user) + Number(system)) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}

function summarise(results, milliseconds, cpu) {
  const operations = results.reduce((sum, result) => sum + result.times.length, 0);
  const times = results.flatMap((result) => result.times).sort((a, b) => a - b);
  const at = (share) => times[Math.floor((times.length - 1) * share)];
  const cpuSeconds = results.reduce((sum, result) => sum + result.cpuSeconds, 0);
  return {
    rate: operations / (milliseconds / 1000),
    p50: at(0.5),
    p99: at(0.99),
    workerCpu: (cpuSeconds * 1000) / operations,
    masterCpu: (cpu.master * 1000) / operations,
    serverCpu: (cpu.server * 1000) / operations,
    each: results.map((result) => result.times.length),
  };
}

/** Each worker's last update must be what it reads back itself, and what its neighbour reads. */
async function lostUpdates(team, results) {
  let lost = 0;
  for (const [n, { counter, stored }] of results.entries()) {
    const seen = await team[(n + 1) % team.length].ask('counter', { of: team[n].name });
    if (stored !== counter || seen !== counter) lost += 1;
  }
  return lost;
}

function settings() {
  const { values } = readArguments(HELP, {
    options: {
      workers: { type: 'string', default: '2,4,8' },
      seconds: { type: 'string', default: '5' },
      'warm-up': { type: 'string', default: '10' },
      rounds: { type: 'string', default: '1' },
      load: { type: 'string', multiple: true, default: ['update'] },
      only: { type: 'string', multiple: true, default: Object.keys(SYSTEMS) },
      hub: { type: 'string' },
      out: { type: 'string', default: path.join(__dirname, 'results-cluster.json') },
    },
  });
  return {
    systems: Object.keys(SYSTEMS).filter((system) => values.only.includes(system)),
    loads: LOADS.filter((load) => values.load.includes(load)),
    sizes: values.workers.split(',').map(Number),
    milliseconds: Number(values.seconds) * 1000,
    warmUp: Number(values['warm-up']) * 1000,
    rounds: Number(values.rounds),
    hub: values.hub,
    out: values.out,
  };
}

async function runAll(config) {
  const results = [];
  for (let round = 1; round <= config.rounds; round++) {
    for (const { load, workers, system } of runsOfRound(config)) {
      const result = await run(system, workers, load, config).catch((error) => ({ failure: error.message }));
      results.push({ round, load, workers, system, ...result });
      console.log(`round ${round}  ${load}, ${workers} workers, ${system}: ${outcome(result)}`);
    }
  }
  return results;
}

function runsOfRound({ loads, sizes, systems }) {
  return loads.flatMap((load) => sizes.flatMap((workers) => systems.map((system) => ({ load, workers, system }))));
}

function outcome({ failure, rate, p50, p99, lost }) {
  if (failure) return `NO RUN: ${failure}`;
  const loss = lost ? `; LAST UPDATE LOST OR UNSEEN in ${lost} workers` : '';
  return `${number(rate)} operations/s, p50 ${number(p50)} ms, p99 ${number(p99)} ms${loss}`;
}

function table(results, config) {
  const titles = ['load', 'workers', 'through', 'operations/s', 'p50 ms', 'p99 ms', 'lock trip ms'];
  const lines = [[...titles, ...CPU.map((name) => `${name} CPU ms each`), 'x ws']];
  for (const { load, workers, system } of runsOfRound(config)) {
    const of = (through, figure) =>
      median(
        results
          .filter((one) => one.load === load && one.workers === workers && one.system === through && !one.failure)
          .map((one) => one[figure])
          .filter(Number.isFinite),
      );
    const names = ['rate', 'p50', 'p99', 'lockTrip', ...CPU.map((name) => `${name}Cpu`)];
    const figures = names.map((figure) => number(of(system, figure)));
    const [ours, yardstick] = [of(system, 'rate'), of('ws', 'rate')];
    lines.push([load, `${workers}`, system, ...figures, ours && yardstick ? number(ours / yardstick) : '-']);
  }
  return textTable(lines, [0, 2]);
}

async function main() {
  const config = settings();
  const results = await runAll(config);
  const { milliseconds, warmUp, rounds } = config;
  writeReport(config.out, { settings: { milliseconds, warmUp, rounds }, results });
  console.log(`\n${table(results, config)}`);
  const lost = results.some((result) => result.lost > 0);
  const failed = results.some((result) => result.failure);
  process.exitCode = lost ? EXIT_LOST_UPDATE : failed ? EXIT_NO_RUN : 0;
}

runCommand(main);
