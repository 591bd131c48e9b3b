#!/usr/bin/env node
'use strict';

// `npm run prove:soak`: an hour in the life of a real cluster. A hub, a master and three workers of the published
// package; a load of writes of all sizes; each minute one process is killed or stopped and started again. At the end
// everything is audited.

const { writeFileSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { sleep } = require('../../__test__/cluster/support/wait.js');
const { makeFolder } = require('../../__test__/support/folder.js');
const { freePort } = require('../../__test__/support/port.js');
const { auditFiles, auditHub, auditMembers } = require('./audit.js');
const { SoakCluster } = require('./cluster.js');
const { Ledger } = require('./ledger.js');
const { Load } = require('./load.js');
const { ownPlaces, UPPER_LEVELS, WORKERS } = require('./places.js');
const { Random } = require('./random.js');
const { printReport } = require('./report.js');
const { RunScope } = require('./run-scope.js');
const { compareQuarters, readMetrics, sampleProcess } = require('./samples.js');
const { EVENT_LIMIT, Views } = require('./views.js');

const HELP = `Usage: npm run prove:soak -- [options]
  --minutes N   how long the load goes on [60]
  --seed N      of all choices [random]
  --tamper      change one stored value before the audit, which then must fail
  --out FILE    where the figures go [proof/soak/report.json]`;

/** Distances, in milliseconds. */
const MINUTE = 60_000;
const SAMPLE_INTERVAL = 10_000;
const WATCH_INTERVAL = 1000;

/** Who is ended, and how: each as often as its weight says. */
const VICTIMS = { worker: 5, master: 2, hub: 2 };
const MANNERS = { kill: 2, stop: 1 };

/**
 * The part of the run in which the hub is ended too. The last one then lives long enough for its memory to be judged.
 */
const HUB_SHARE = 0.4;

/** How long after the last event could have come the last views are compared, in milliseconds. */
const QUIET = EVENT_LIMIT + 3000;

class Soak {
  #options;
  #random;
  #scope = new RunScope();
  #ledger = new Ledger();
  #views = new Views(this.#ledger.absences);
  #isOver = false;
  #samples = [];
  #processorBefore = new Map();
  #duties = [];

  constructor(options) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** @returns {Promise<object>} The report. */
  async run() {
    await this.#start();
    try {
      await this.#stress();
      await this.#audit();
    } finally {
      this.#isOver = true;
      await Promise.all(this.#duties);
      await this.#scope.end();
    }
    return this.#report();
  }

  async #start() {
    const folder = makeFolder(this.#scope, 'soak');
    this.port = await freePort();
    const hubLog = this.#options.out.replace(/(\.json)?$/, '.hub.log');
    writeFileSync(hubLog, '');
    const settings = { dbname: 'soak', folder, port: this.port, hubLog };
    this.cluster = new SoakCluster(this.#scope, this.#ledger, this.#views, settings);
    await this.cluster.startHub();
    await this.cluster.start('master');
    await Promise.all(WORKERS.map((name) => this.cluster.start(name)));
    const planter = this.cluster.members.get(WORKERS[0]);
    for (const level of UPPER_LEVELS) {
      await planter.child.call('plant', level);
    }
    this.#duties = [
      this.#repeat(WATCH_INTERVAL, () => this.#watch()),
      this.#repeat(SAMPLE_INTERVAL, () => this.#sample()),
    ];
  }

  async #repeat(interval, action) {
    while (!this.#isOver) {
      try {
        await action();
      } catch (error) {
        this.#ledger.violate('the run itself', error.stack);
      }
      await sleep(interval);
    }
  }

  async #watch() {
    await this.cluster.replaceDead();
    await this.cluster.collectNews();
    for (const fault of this.#views.judge(performance.now())) {
      this.#ledger.violate('event', fault);
    }
  }

  async #sample() {
    const { pid } = this.cluster.hub;
    try {
      this.#samples.push({ pid, ...sampleProcess(pid), ...(await readMetrics(this.port)) });
      for (const { child } of this.cluster.members.values()) {
        this.#noteProcessor(child.name, child.pid, sampleProcess(child.pid).processor);
      }
      this.#noteProcessor('hub', pid, this.#samples.at(-1).processor);
    } catch {
      // A process that is just ended has no figures.
      this.#ledger.count('samples missed');
    }
  }

  #noteProcessor(name, pid, seconds) {
    this.#processorBefore.set(pid, { name, seconds });
  }

  async #stress() {
    this.load = new Load(this.cluster, this.#ledger, this.#views, this.#options.seed);
    const minutes = this.#options.minutes;
    for (let minute = 1; minute <= minutes; minute++) {
      const started = performance.now();
      await sleep(this.#random.between(0.3, 0.7) * MINUTE);
      await this.#interfere(minute <= minutes * HUB_SHARE ? VICTIMS : { ...VICTIMS, hub: 0 });
      await sleep(Math.max(0, started + MINUTE - performance.now()));
      this.#progress(minute);
    }
    await this.load.stop();
  }

  async #interfere(victims) {
    const kind = this.#random.weighted(victims);
    const how = this.#random.weighted(MANNERS);
    const name = kind === 'worker' ? this.#random.pick(WORKERS) : kind;
    const started = performance.now();
    this.#ledger.count(`restarts: ${kind}, ${how}`);
    try {
      await (name === 'hub' ? this.cluster.restartHub(how) : this.cluster.restart(name, how));
    } catch (error) {
      this.#ledger.violate('restart', `${name}: ${error.message}`);
    }
    this.#ledger.note(`${how} ${name}: back after ${Math.round(performance.now() - started)} ms`);
  }

  #progress(minute) {
    const { counts } = this.#ledger;
    const sum = (prefix) =>
      Object.entries(counts).reduce((all, [name, n]) => (name.startsWith(prefix) ? all + n : all), 0);
    const { memory = 0, files, threads } = this.#samples.at(-1) ?? {};
    this.#ledger.note(
      `minute ${minute}: ${sum('confirmed')} confirmed, ${sum('uncertain')} uncertain, ${sum('ended itself')} ended themselves, ` +
        `events ${JSON.stringify(this.#views.counts)}, hub ${(memory / 2 ** 20).toFixed(1)} MiB, ${files} files, ${threads} threads, ` +
        `${this.#ledger.violationCount} violations`,
    );
  }

  async #audit() {
    await sleep(QUIET);
    this.#isOver = true;
    await Promise.all(this.#duties);
    await this.#watch();
    await auditHub(this.port, this.#ledger);
    await auditMembers([...this.cluster.members.values()], this.#views, this.load.histories, this.#ledger);
    this.growth = compareQuarters(this.#samples.filter(({ pid }) => pid === this.cluster.hub.pid));
    for (const { name, second, last } of this.growth.filter(({ isFlat }) => !isFlat)) {
      this.#ledger.violate('growth', `${name} of the hub: ${second} in the second quarter, ${last} in the last`);
    }
    await this.cluster.stop();
    await this.#auditFiles();
  }

  async #auditFiles() {
    try {
      const auditor = await this.cluster.startAuditor();
      if (this.#options.tamper) {
        await auditor.call('write', 'set', ownPlaces[WORKERS[0]][0], 'w0', 100);
      }
      await auditFiles(auditor, this.load, this.#ledger);
      await auditor.end();
    } catch (error) {
      this.#ledger.violate('the files', error.message);
    }
  }

  #report() {
    const processor = {};
    for (const { name, seconds } of this.#processorBefore.values()) {
      processor[name] = (processor[name] ?? 0) + seconds;
    }
    return {
      date: new Date().toISOString(),
      minutes: this.#options.minutes,
      seed: this.#options.seed,
      counts: this.#ledger.counts,
      events: this.#views.counts,
      slowestRequest: Math.round(this.load.slowest),
      processorSeconds: processor,
      growth: this.growth,
      violationCount: this.#ledger.violationCount,
      violations: this.#ledger.violations,
      samples: this.#samples,
    };
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
      tamper: { type: 'boolean', default: false },
      out: { type: 'string', default: path.join(__dirname, 'report.json') },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const options = { ...values, minutes: Number(values.minutes), seed: Number(values.seed) };
  console.log(`Soak of ${options.minutes} minutes, seed ${options.seed}`);
  const report = await new Soak(options).run();
  writeFileSync(options.out, JSON.stringify(report, undefined, 1));
  printReport(report);
  process.exitCode = report.violationCount > 0 ? 1 : 0;
}

main();
