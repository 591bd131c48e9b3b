'use strict';

// The load: loops that choose what to do, have a worker do it, and keep account of what became of it.

const { sleep } = require('../../__test__/cluster/support/wait.js');
const { isGone } = require('./cluster.js');
const { CounterHistory, PlaceHistory } = require('./history.js');
const { counters, ownPlaces, shared, sharedLarge, sharedSmall, valuePlaces, WORKERS } = require('./places.js');
const { Random } = require('./random.js');
const { NOTHING } = require('./value.js');

/** How many loops each worker has: more than one, so that its own requests overtake each other too. */
const LOOPS = 2;

/**
 * How long a loop rests after each request, in milliseconds: a third of a small machine's processors is what the run
 * may take.
 */
const PAUSE = { least: 40, most: 260 };

/** How long any request may take, in milliseconds. */
const HANG_LIMIT = 20_000;

/** How much of a reason is told, in characters. */
const MAX_REASON = 80;

/** How often each is done. */
const ACTIONS = { set: 30, update: 15, transaction: 15, remove: 5, count: 10, read: 25 };
const AREAS = { own: 6, sharedSmall: 3, sharedLarge: 1 };

class Load {
  #cluster;
  #ledger;
  #views;
  #loops;
  #isOver = false;
  #lastToken = 0;
  histories = new Map(valuePlaces.map((place) => [place, new PlaceHistory()]));
  counterHistories = new Map(counters.map((place) => [place, new CounterHistory()]));
  slowest = 0;

  constructor(cluster, ledger, views, seed) {
    this.#cluster = cluster;
    this.#ledger = ledger;
    this.#views = views;
    this.#loops = WORKERS.flatMap((worker, w) =>
      Array.from({ length: LOOPS }, (_, n) => this.#run(worker, new Random(seed + 1 + w * LOOPS + n))),
    );
  }

  /** No more requests; those under way are waited for. */
  async stop() {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  async #run(worker, random) {
    while (!this.#isOver) {
      const member = this.#cluster.members.get(worker);
      if (member?.takesLoad(performance.now())) {
        await this.#act(member, random);
      }
      await sleep(random.between(PAUSE.least, PAUSE.most));
    }
  }

  async #act(member, random) {
    const action = random.weighted(ACTIONS);
    const place = this.#choosePlace(member.name, random);
    switch (action) {
      case 'read':
        return this.#read(member, place);
      case 'count':
        return this.#count(member, random.pick(counters));
      default:
        return this.#write(member, action, place, sharedSmall.includes(place) ? random.smallSize() : random.anySize());
    }
  }

  #choosePlace(worker, random) {
    return random.pick({ own: ownPlaces[worker], sharedSmall, sharedLarge }[random.weighted(AREAS)]);
  }

  async #write(member, kind, path, size) {
    const name = `w${++this.#lastToken}`;
    const token = kind === 'remove' ? NOTHING : name;
    const write = { token, path, process: member, start: performance.now(), outcome: 'underWay' };
    this.histories.get(path).add(write);
    const { outcome, result } = await this.#ask(member, 'write', kind, path, name, size);
    if (outcome === 'confirmed') {
      write.end = performance.now();
      write.outcome = outcome;
      this.#ledger.count(`confirmed: ${kind}`);
      this.#ledger.count('bytes written', size);
      if (shared.includes(path) && token !== NOTHING) {
        this.#views.expect(write);
      }
    } else {
      write.outcome = 'uncertain';
      write.end = outcome === 'rejected' ? performance.now() : undefined;
    }
    if (kind === 'transaction' && outcome === 'confirmed') {
      this.#judgeRead(member, path, result, write.start);
    }
  }

  async #read(member, path) {
    const start = performance.now();
    const { outcome, result } = await this.#ask(member, 'read', path);
    if (outcome === 'confirmed') {
      this.#ledger.count('confirmed: read');
      this.#judgeRead(member, path, result, start);
    }
  }

  #judgeRead(member, path, found, start) {
    const history = this.histories.get(path);
    if (history.isPossible(found, start, performance.now())) {
      return;
    }
    if (history.isTornByDeath(found, start)) {
      this.#ledger.count('read a value that a killed process had half written');
      return;
    }
    this.#ledger.violate(
      'wrong read',
      `${member.name} found ${found} at ${path}, not one of ${history.possible(start).join(', ')}`,
    );
  }

  async #count(member, path) {
    const history = this.counterHistories.get(path);
    const { outcome, result } = await this.#ask(member, 'count', path);
    if (outcome !== 'confirmed') {
      history.doubt();
    } else {
      this.#ledger.count('confirmed: count');
      if (!history.confirm(result)) {
        this.#ledger.violate('lost update', `${path} was counted to ${result} twice`);
      }
    }
  }

  /**
   * Has a process do something.
   * @returns {Promise<{ outcome: 'confirmed' | 'rejected' | 'hung' | 'died', result?: unknown }>}
   */
  async #ask(member, method, ...args) {
    const start = performance.now();
    member.underWay++;
    try {
      const result = await member.child.callWithin(HANG_LIMIT, method, ...args);
      this.slowest = Math.max(this.slowest, performance.now() - start);
      return { outcome: 'confirmed', result };
    } catch (error) {
      const outcome = this.#outcomeOf(member, start, error);
      this.#noteFailure(outcome, start, `${member.name} ${method} ${args[0]}`, error);
      return { outcome };
    } finally {
      member.underWay--;
    }
  }

  #outcomeOf(member, start, error) {
    if (!member.isAlive || isGone(error)) {
      return 'died';
    }
    return performance.now() - start >= HANG_LIMIT && /took longer/.test(error.message) ? 'hung' : 'rejected';
  }

  #noteFailure(outcome, start, what, error) {
    const isOfHub = this.#ledger.absences.overlaps(start, performance.now());
    if (outcome === 'died') {
      this.#ledger.count('uncertain: its process ended');
    } else if (isOfHub) {
      this.#ledger.count(
        `uncertain: ${outcome} while the hub was away${outcome === 'rejected' ? `: ${reasonOf(error)}` : ''}`,
      );
    } else {
      this.#ledger.violate(outcome, `${what}: ${error.message}`);
    }
  }
}

/** The first line of an error, without what differs from one request to the next. */
function reasonOf(error) {
  return error.message
    .split('\n')[0]
    .replace(/^\w+: (Error: )?/, '')
    .replace(/"[^"]*"/g, '…')
    .slice(0, MAX_REASON);
}

module.exports = { Load };
