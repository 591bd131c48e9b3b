'use strict';

// A worker's load: it writes and reads all the time, and keeps account of what became of each write.

const { setTimeout: sleep } = require('node:timers/promises');

const { longText } = require('./text.js');

/** What takes longer than this, in milliseconds, is accounted for by itself: a restart of the hub, or worse. */
const SLOW = 200;

/**
 * @typedef {object} LoadReport
 * @property {string[]} confirmed Keys of the writes whose promise was fulfilled.
 * @property {string[]} failures Why others were rejected.
 * @property {number} lost Writes and reads that were given up: no answer within the limit.
 * @property {number} pending Writes and reads that are under way.
 * @property {{ started: number, took: number }[]} slow Those that took longer than `SLOW`, also given up or under way;
 *   `started` in milliseconds since the epoch, `took` in milliseconds.
 * @property {number} slowest The longest that any of them took, also one that was given up or is under way, in
 *   milliseconds.
 * @property {number} lastConfirmed When a write was confirmed last, in milliseconds since the epoch.
 */

class Load {
  #db;
  #path;
  #settings;
  #loops = [];
  #isOver = false;
  #confirmed = [];
  #failures = [];
  #lost = 0;
  #underWay = new Set();
  #slow = [];
  #slowest = 0;
  #lastConfirmed = 0;

  /**
   * @param {string} path Where the writes go: one child each.
   * @param {{ loops: number, pause: number, giveUpAfter: number, long?: { every: number, bytes: number } }} settings
   *   How many writers there are, how long each rests after a write, and after how long it goes on without an answer,
   *   in milliseconds; how often a value is long, and how long that is.
   */
  constructor(db, path, settings) {
    this.#db = db;
    this.#path = path;
    this.#settings = settings;
    for (let loop = 0; loop < settings.loops; loop++) {
      this.#loops.push(this.#run(loop));
    }
  }

  async #run(loop) {
    for (let n = 0; !this.#isOver; n++) {
      // As long as the keys that AceBase generates: shorter ones would all go into its index of keys.
      const key = `write-${loop}-${String(n).padStart(16, '0')}`;
      const ref = this.#db.ref(`${this.#path}/${key}`);
      const isWritten = await this.#account(() => ref.set({ n, text: this.#makeText(n, key) }));
      if (isWritten) {
        this.#confirmed.push(key);
        this.#lastConfirmed = Date.now();
        await this.#account(() => this.#readBack(ref, n));
      }
      await sleep(this.#settings.pause);
    }
  }

  #makeText(n, key) {
    const { every, bytes } = this.#settings.long ?? { every: Number.POSITIVE_INFINITY };
    return `value ${n} of ${key}${(n + 1) % every === 0 ? longText(bytes) : ''}`;
  }

  async #readBack(ref, n) {
    const value = (await ref.get()).val();
    if (value?.n !== n) {
      throw new Error(`${ref.path} was written with n = ${n}, and read as ${JSON.stringify(value)}`);
    }
  }

  /** Does one thing and notes how it went. `true`: it went well. */
  async #account(action) {
    const started = Date.now();
    const entry = { started };
    this.#underWay.add(entry);
    const stop = new AbortController();
    const limit = sleep(this.#settings.giveUpAfter, 'lost', { signal: stop.signal }).catch(() => {});
    try {
      const outcome = await Promise.race([action().then(() => 'done'), limit]);
      if (outcome === 'lost') {
        this.#lost++;
      }
      return outcome === 'done';
    } catch (error) {
      this.#failures.push(error.message);
      return false;
    } finally {
      stop.abort();
      this.#underWay.delete(entry);
      this.#noteTime(started, Date.now() - started);
    }
  }

  #noteTime(started, took) {
    this.#slowest = Math.max(this.#slowest, took);
    if (took > SLOW) {
      this.#slow.push({ started, took });
    }
  }

  /** @returns {LoadReport} */
  report() {
    const underWay = [...this.#underWay].map(({ started }) => ({ started, took: Date.now() - started }));
    return {
      confirmed: this.#confirmed,
      failures: this.#failures,
      lost: this.#lost,
      pending: underWay.length,
      slow: [...this.#slow, ...underWay.filter(({ took }) => took > SLOW)],
      slowest: Math.max(this.#slowest, ...underWay.map(({ took }) => took)),
      lastConfirmed: this.#lastConfirmed,
    };
  }

  /** No more writes; those under way are waited for. */
  async stop() {
    this.#isOver = true;
    await Promise.all(this.#loops);
    return this.report();
  }
}

module.exports = { Load };
