#!/usr/bin/env node
// `npm run bench:cluster`: what a user feels. Real AceBase processes, a master and some workers, each updating a path of
// its own in a loop: through the hub, through the `ws` yardstick, and through AceBase's own socket mode.
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { parseArgs } = require('node:util');
const { commands, startServer } = require('./support/servers');
const { machineFacts, median, number, textTable } = require('./support/report');

const HELP = `Usage: npm run bench:cluster -- [options]
  --workers N,N,...  sizes of the cluster [2,4,8]
  --seconds S        measured time of one run [3]
  --rounds N         rounds of all runs [1]
  --only SYSTEM      hub, ws or socket (may be repeated)
  --hub COMMAND      run this instead of bench/hub.js
  --out FILE         where the results go [bench/results-cluster.json]`;

const PEER = path.join(__dirname, 'support', 'cluster-peer.js');
const SYSTEMS = ['hub', 'ws', 'socket'];
/** How long a process may take for anything beyond the measured time, in milliseconds. */
const PATIENCE = 30_000;
const EXIT_LOST_UPDATE = 1;
const EXIT_NO_RUN = 2;

/** One AceBase process, asked one thing at a time. */
class Peer {
  #child;
  #complaint = '';
  #settle;

  /** @param {string} name @param {object} storage AceBase's storage settings */
  static async start(name, storage) {
    const peer = new Peer(name, storage);
    await peer.#answer(PATIENCE);
    return peer;
  }

  constructor(name, storage) {
    this.name = name;
    this.#child = spawn(process.execPath, [PEER, JSON.stringify({ name, storage })], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr.on('data', (text) => {
      this.#complaint = (this.#complaint + text).slice(-2000);
    });
    this.#child.on('message', ({ error, result }) => this.#settle?.(error && new Error(`${name}: ${error}`), result));
    this.#child.on('exit', () => this.#settle?.(new Error(`${name} died: ${this.#complaint}`)));
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
async function run(system, workers, { milliseconds, hub }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'acebase-ipc-cluster-'));
  const server = system === 'socket' ? undefined : await startServer({ command: commands(hub)[system], anyCore: true });
  const peers = [];
  const start = async (name, role) => {
    const ipc = server ? { host: '127.0.0.1', port: server.port, ssl: false, role } : 'socket';
    peers.push(await Peer.start(name, { path: folder, ipc }));
    return peers.at(-1);
  };
  try {
    // The socket mode's service is hub and master in one. Elsewhere the master comes first: a plain router queues nothing.
    if (server) await start('master', 'master');
    const team = [];
    for (let n = 1; n <= workers; n++) team.push(await start(`worker${n}`, 'worker'));
    const results = await Promise.all(
      team.map((worker) => worker.ask('load', { milliseconds }, PATIENCE + 2 * milliseconds)),
    );
    return { ...summarise(results, milliseconds), lost: await lostUpdates(team, results) };
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

function summarise(results, milliseconds) {
  const updates = results.reduce((sum, result) => sum + result.updates, 0);
  const times = results.flatMap((result) => result.times).sort((a, b) => a - b);
  const at = (share) => times[Math.floor((times.length - 1) * share)];
  const cpuSeconds = results.reduce((sum, result) => sum + result.cpuSeconds, 0);
  return {
    rate: updates / (milliseconds / 1000),
    p50: at(0.5),
    p99: at(0.99),
    workerCpuPerUpdate: (cpuSeconds * 1000) / updates,
    each: results.map((result) => result.updates),
  };
}

/** Each worker's last update must be what it reads back itself, and what its neighbour reads. */
async function lostUpdates(team, results) {
  let lost = 0;
  for (const [n, { updates, stored }] of results.entries()) {
    const seen = await team[(n + 1) % team.length].ask('counter', { of: team[n].name });
    if (stored !== updates || seen !== updates) lost += 1;
  }
  return lost;
}

function settings() {
  const { values } = parseArgs({
    options: {
      workers: { type: 'string', default: '2,4,8' },
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '1' },
      only: { type: 'string', multiple: true, default: SYSTEMS },
      hub: { type: 'string' },
      out: { type: 'string', default: path.join(__dirname, 'results-cluster.json') },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  return {
    systems: SYSTEMS.filter((system) => values.only.includes(system)),
    sizes: values.workers.split(',').map(Number),
    milliseconds: Number(values.seconds) * 1000,
    rounds: Number(values.rounds),
    hub: values.hub,
    out: values.out,
  };
}

async function runAll(config) {
  const results = [];
  for (let round = 1; round <= config.rounds; round++) {
    for (const workers of config.sizes) {
      for (const system of config.systems) {
        const result = await run(system, workers, config).catch((error) => ({ failure: error.message }));
        results.push({ round, workers, system, ...result });
        console.log(`round ${round}  ${workers} workers, ${system}: ${outcome(result)}`);
      }
    }
  }
  return results;
}

function outcome({ failure, rate, p50, p99, lost }) {
  if (failure) return `NO RUN: ${failure}`;
  const loss = lost ? `; LAST UPDATE LOST OR UNSEEN in ${lost} workers` : '';
  return `${number(rate)} updates/s, p50 ${number(p50)} ms, p99 ${number(p99)} ms${loss}`;
}

function table(results, { sizes, systems }) {
  const lines = [['workers', 'through', 'updates/s', 'p50 ms', 'p99 ms', 'worker CPU ms/update', 'x ws']];
  for (const workers of sizes) {
    const of = (system, figure) =>
      median(
        results
          .filter((one) => one.workers === workers && one.system === system && !one.failure)
          .map((one) => one[figure]),
      );
    for (const system of systems) {
      const figures = ['rate', 'p50', 'p99', 'workerCpuPerUpdate'].map((figure) => number(of(system, figure)));
      const [ours, yardstick] = [of(system, 'rate'), of('ws', 'rate')];
      lines.push([`${workers}`, system, ...figures, ours && yardstick ? number(ours / yardstick) : '-']);
    }
  }
  return textTable(lines, [1]);
}

async function main() {
  const config = settings();
  const results = await runAll(config);
  const { milliseconds, rounds } = config;
  const report = {
    date: new Date().toISOString(),
    machine: machineFacts(),
    settings: { milliseconds, rounds },
    results,
  };
  fs.writeFileSync(config.out, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`\n${table(results, config)}`);
  const lost = results.some((result) => result.lost > 0);
  const failed = results.some((result) => result.failure);
  process.exitCode = lost ? EXIT_LOST_UPDATE : failed ? EXIT_NO_RUN : 0;
}

main().catch((error) => {
  console.error(error.message);
  process.exit(EXIT_NO_RUN);
});
