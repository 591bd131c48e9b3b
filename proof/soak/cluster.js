'use strict';

// The processes of the run: a hub, a master, and workers, each started again when it has ended.

const path = require('node:path');

const { startChild } = require('../../__test__/cluster/support/child.js');
const { HOST } = require('../../__test__/cluster/support/hub.js');
const { sleep } = require('../../__test__/cluster/support/wait.js');
const { shared } = require('./places.js');
const { Subscriber } = require('./views.js');

/** How long a process may take to open the database and to subscribe, in milliseconds. */
const START_LIMIT = 40_000;

/** How often a process is started that does not get ready: one that starts while the hub is away may end itself. */
const START_ATTEMPTS = 4;

/** How long a process has to end in order, in milliseconds, before it is killed: what process managers grant, about. */
const STOP_LIMIT = 5000;

/**
 * How long after its start a process is sure to know the subscriptions of all others, and they its own, in
 * milliseconds. Each introduction takes one message each way.
 */
const ACQUAINTANCE = 3000;

/**
 * AceBase's own, in seconds: what frees the database when the release of a lock was lost with the hub. Far above the
 * time that any write takes here, and short enough that requests behind it keep their limit.
 */
const LOCK_TIMEOUT = 10;

/** How the published client ends its process by itself when its connection breaks, by what it says then. */
const OWN_DEATHS = {
  'sent while it reconnected': /readyState 0 \(CONNECTING\)/,
  'no answer from the hub for ten seconds, or refused once': /valid error code number/,
  'its POST broke': /ECONNRESET|socket hang up|ECONNREFUSED|EPIPE/,
};

/** Whether a call failed because its process is gone, though its end is only about to be noticed. */
const isGone = (error) => error.code === 'ERR_IPC_CHANNEL_CLOSED';

/** One process with the database open. */
class Member {
  /** When it ended. */
  diedAt;
  /** Told to end, or killed, by this run. */
  isExpectedToEnd = false;
  /** Requests that the load has under way with it. */
  underWay = 0;
  subscriber;

  constructor(child) {
    this.child = child;
    this.name = child.name;
    child.exited.then(() => {
      this.diedAt = performance.now();
    });
  }

  get isAlive() {
    return this.child.isAlive;
  }

  /** Whether it is to be given work. */
  takesLoad(now) {
    return this.isAlive && !this.isExpectedToEnd && this.subscriber !== undefined && now >= this.subscriber.since;
  }
}

class SoakCluster {
  #scope;
  #ledger;
  #views;
  #settings;
  /** @type {Map<string, Member>} By name. */
  members = new Map();
  hub;

  /** @param {{ dbname: string, folder: string, port: number, hubLog: string }} settings */
  constructor(scope, ledger, views, settings) {
    this.#scope = scope;
    this.#ledger = ledger;
    this.#views = views;
    this.#settings = settings;
  }

  /** The name of its database at the hub. */
  get hubName() {
    return `${this.#settings.dbname}_data`;
  }

  async startHub() {
    const { port, hubLog } = this.#settings;
    const options = { host: HOST, port, logFile: hubLog, logLevel: 'info' };
    this.hub = startChild(this.#scope, 'hub', path.join(__dirname, 'hub-process.js'), [JSON.stringify(options)]);
    await this.hub.call('start');
  }

  /** The hub ends and is back at once. @param {'kill' | 'stop'} how */
  async restartHub(how) {
    this.#ledger.absences.begin(performance.now());
    await (how === 'kill' ? this.hub.end() : this.hub.terminate());
    await this.startHub();
    this.#ledger.absences.end(performance.now());
  }

  /** Starts a process; one that ends itself meanwhile is started again. */
  async start(name) {
    for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
      const member = new Member(this.#spawn(name, { host: HOST, port: this.#settings.port, role: roleOf(name) }));
      this.members.set(name, member);
      try {
        await member.child.callWithin(START_LIMIT, 'ready');
        await member.child.callWithin(START_LIMIT, 'watch', shared);
        member.subscriber = new Subscriber(name, performance.now() + ACQUAINTANCE);
        this.#views.join(member.subscriber);
        return member;
      } catch (error) {
        await this.#bury(member, error);
      }
    }
    throw new Error(`${name} cannot be started`);
  }

  #spawn(name, ipc) {
    const { dbname, folder } = this.#settings;
    const storage = { path: folder, lockTimeout: LOCK_TIMEOUT, ...(ipc && { ipc }) };
    return startChild(this.#scope, name, path.join(__dirname, 'database-process.js'), [
      JSON.stringify({ name: dbname, storage }),
    ]);
  }

  async #bury(member, error) {
    if (member.isAlive) {
      this.#ledger.violate('no start', error.message);
      await member.child.end();
    } else {
      this.#judgeDeath(member);
    }
    // As a process manager that waits before it tries again.
    await sleep(1000);
  }

  /** A process ends and is started again. @param {'kill' | 'stop'} how */
  async restart(name, how) {
    const member = this.members.get(name);
    member.isExpectedToEnd = true;
    await (how === 'kill' ? member.child.end() : this.#stop(member));
    this.#leave(member);
    await this.start(name);
  }

  async #stop(member) {
    const ends = performance.now() + STOP_LIMIT;
    while (member.underWay > 0 && performance.now() < ends) {
      await sleep(50);
    }
    // Its answer may come before its end, or not at all.
    member.child.callWithin(STOP_LIMIT, 'close').catch(() => {});
    await Promise.race([member.child.exited, sleep(STOP_LIMIT)]);
    if (member.isAlive) {
      this.#ledger.count('told to end, and killed for it had not');
      await member.child.end();
    }
  }

  #leave(member) {
    if (member.subscriber) {
      this.#views.leave(member.subscriber);
    }
  }

  /** Starts those again that ended by themselves. */
  async replaceDead() {
    for (const [name, member] of this.members) {
      if (!member.isAlive && !member.isExpectedToEnd && member.subscriber) {
        member.isExpectedToEnd = true;
        this.#judgeDeath(member);
        this.#leave(member);
        await this.start(name);
      }
    }
  }

  /**
   * What the published client does to itself when its connection breaks is no fault of the hub, if the hub was away.
   */
  #judgeDeath(member) {
    const { lastWords } = member.child;
    const [cause] = Object.entries(OWN_DEATHS).find(([, pattern]) => pattern.test(lastWords)) ?? [];
    // Its ping timer waits for up to ten seconds.
    const isOfHub = this.#ledger.absences.overlaps(member.diedAt - 12_000, member.diedAt);
    if (cause && isOfHub) {
      this.#ledger.count(`ended itself: ${cause}`);
      this.#ledger.note(`${member.name} ended itself: ${cause}`);
    } else {
      this.#ledger.violate('death', `${member.name} ${JSON.stringify(member.child.exit)}: ${lastWords}`);
    }
  }

  /** Collects what subscriptions brought. */
  async collectNews() {
    await Promise.all([...this.members.values()].map((member) => this.#collectNewsOf(member)));
  }

  async #collectNewsOf(member) {
    try {
      const news = await member.child.call('news');
      member.subscriber?.take(news, performance.now());
    } catch (error) {
      // One that has just been killed has no news any more, and is no subscriber.
      if (member.isAlive && !member.isExpectedToEnd && !isGone(error)) {
        throw error;
      }
    }
  }

  /** A process that opens the files alone, when all others have ended. */
  async startAuditor() {
    const auditor = this.#spawn('auditor');
    await auditor.callWithin(START_LIMIT, 'ready');
    return auditor;
  }

  /** Ends all processes in order. */
  async stop() {
    for (const member of this.members.values()) {
      member.isExpectedToEnd = true;
      await this.#stop(member);
      this.#leave(member);
    }
    await this.hub.call('stop');
    await this.hub.end();
  }
}

function roleOf(name) {
  return name === 'master' ? 'master' : 'worker';
}

module.exports = { isGone, SoakCluster };
