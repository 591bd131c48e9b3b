'use strict';

// The load on one hub, part after part: a crowd that stays, visitors who come and go meanwhile, a broadcast, and
// farewell. Full size in `npm run prove:limits`, small in the tests.

const os = require('node:os');
const { setTimeout: sleep } = require('node:timers/promises');

const { broadcast } = require('./broadcast.js');
const { churn } = require('./churn.js');
const { Crowd } = require('./crowd.js');
const { judgeBroadcast, judgeIdle, judgeLeaving, judgeVisits } = require('./demands.js');
const { Hub } = require('./hub.js');

/** The hub's limit of open files: for ten thousand peers, as many visitors as can pile up, and itself. */
const OPEN_FILES = 16_384;
/** Peers that come and go before anything is measured, so that what a server sets up once is not counted. */
const FIRST_PEERS = 100;
/** Before usage is read, in milliseconds: time for the hub to finish what coming and going left to do. */
const SETTLE = 500;
/**
 * The longest, in milliseconds, that a session outlives its connection or is remembered: the hub's default times and
 * some more.
 */
const REMEMBERED = 17_000;
/** Of one message of the broadcast, in bytes: as long as most of AceBase's own. */
const BROADCAST_BYTES = 150;

/**
 * @param {object} plan
 * @param {object} [plan.config] The hub's.
 * @param {number} [plan.remembered] How long the hub remembers sessions, in milliseconds, where `config` changes that.
 * @param {number} plan.crowd Peers that stay.
 * @param {{ perSecond: number, seconds: number }} plan.visits
 * @param {{ receivers: number, rounds: number }} plan.audience Of the broadcast.
 * @param {(part: string, demands: object[]) => void} [tell] Called with each part's demands.
 * @returns {Promise<{ demands: object[], usage: object[] }>} all demands, and what the hub used in each second of the
 *   visits
 */
async function loadHub(plan, tell = () => {}) {
  const hub = await Hub.start(plan.config, OPEN_FILES);
  try {
    return await new Load(hub, plan, tell).run();
  } finally {
    hub.kill();
  }
}

class Load {
  #hub;
  #plan;
  #tell;
  #demands = [];

  constructor(hub, plan, tell) {
    this.#hub = hub;
    this.#plan = { remembered: REMEMBERED, ...plan };
    this.#tell = tell;
  }

  async run() {
    const { remembered } = this.#plan;
    await (await Crowd.join(this.#hub.port, FIRST_PEERS)).leave();
    const start = await this.#settled(remembered);
    const { crowd, ...joining } = await this.#gather(start);
    const usage = await this.#visit();
    await this.#broadcast();
    this.#judged('idle', judgeIdle({ ...joining, wanted: this.#plan.crowd, atEnd: await crowd.alive() }));
    await this.#part(start, crowd);
    return { demands: this.#demands, usage };
  }

  async #gather(start) {
    const began = performance.now();
    const crowd = await Crowd.join(this.#hub.port, this.#plan.crowd);
    const seconds = (performance.now() - began) / 1000;
    const { memory } = await this.#settled(SETTLE);
    return { crowd, seconds, perConnection: (memory - start.memory) / crowd.size, connected: await crowd.alive() };
  }

  async #visit() {
    const { visits, remembered } = this.#plan;
    const usage = [this.#hub.usage()];
    const everySecond = () => usage.push(this.#hub.usage());
    const others = new Others(this.#hub);
    const came = await churn({ port: this.#hub.port, ...visits, everySecond });
    const disturbance = others.load();
    usage.push(this.#hub.usage());
    await came.allLeft(remembered);
    this.#judged('visitors', judgeVisits({ visits: came, perSecond: visits.perSecond, usage, disturbance }));
    await came.end();
    return usage;
  }

  async #broadcast() {
    const { audience } = this.#plan;
    const heard = await broadcast({ port: this.#hub.port, ...audience, bytes: BROADCAST_BYTES });
    this.#judged('broadcast', judgeBroadcast({ ...audience, ...heard }));
  }

  /** The crowd leaves, and another one of the same size comes and leaves. */
  async #part(start, crowd) {
    const { remembered } = this.#plan;
    const full = this.#hub.usage();
    await crowd.leave();
    const left = await this.#settled(remembered);
    const next = await Crowd.join(this.#hub.port, this.#plan.crowd);
    const again = await this.#settled(SETTLE);
    await next.leave();
    const leftAgain = await this.#settled(remembered);
    this.#judged('leaving', judgeLeaving({ start, full, left, again, leftAgain }));
  }

  /** What the hub uses some milliseconds later. */
  async #settled(after) {
    await sleep(after);
    return this.#hub.usage();
  }

  #judged(part, demands) {
    this.#demands.push(...demands.map((demand) => ({ part, ...demand })));
    this.#tell(part, demands);
  }
}

/** What other processes take of the machine: a rate that is missed beside them says nothing of the hub. */
class Others {
  #hub;
  #began;
  #before;

  constructor(hub) {
    this.#hub = hub;
    this.#began = performance.now();
    this.#before = this.#used();
  }

  /** How many processors they have used since, on average. */
  load() {
    // The two ways of counting differ by some ticks: on an idle machine, to either side.
    return Math.max(0, (this.#used() - this.#before) / (performance.now() - this.#began));
  }

  /** Milliseconds of all processors that neither were idle nor worked for the hub or for this process. */
  #used() {
    const { user, system } = process.cpuUsage();
    const own = (user + system) / 1000 + this.#hub.processorTime() * 1000;
    return os.cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, -own);
  }
}

module.exports = { loadHub };
