#!/usr/bin/env node
'use strict';

// `npm run bench:hubs`: what it costs that a database is at another hub, and how long it is without service when its
// hub is lost, or told to hand it over. Two hubs and a Redis on this machine; the same load at the hub that has the
// database, and at the one that relays, in turn within each round. Also how a hundred databases are spread over three
// hubs, and what they carry so, and all at one of them: where there are the processors, that grows.

const os = require('node:os');
const path = require('node:path');

const { join } = require('../__test__/support/peer.js');
const { noRedis, startRedis } = require('../__test__/support/redis.js');
const { give, startHubs } = require('../__test__/hubs/support/hubs.js');
const { RunScope } = require('../proof/soak/run-scope.js');
const { readArguments, runCommand } = require('./support/command.js');
const { buildGenerator, generate } = require('./support/generator.js');
const { median, number, textTable, writeReport } = require('./support/report.js');

const HELP = `Usage: npm run bench:hubs -- [options]
  --rounds N   rounds of all runs [5]
  --seconds S  measured time of one run [2]
  --losses N   how often the hub of a database is lost, or told to hand it over [5]
  --out FILE   where the results go [bench/results-hubs.json]`;

/** How many pairs talk where throughput is measured. */
const PAIRS = 16;

/** What is measured: the generator's arguments, and which figure of its result counts. */
const LOADS = {
  latency: { args: ['latency'], unit: 'µs, median', read: ({ p50_us: p50 }) => p50 },
  question: { args: ['qa', '--pairs', PAIRS], unit: 'messages/s', read: ({ rate }) => rate },
  pipelined: { args: ['direct', '--pairs', PAIRS], unit: 'messages/s', read: ({ rate }) => rate },
};

/** How many databases are spread, each with one pair, and over how many hubs. */
const DATABASES = 100;
const HUBS = 3;

/** From so many processors on the hubs, the load and Redis each have one. */
const ENOUGH_PROCESSORS = HUBS + 2;

/** What the two peers' database is called. */
const DATABASE = 'mydb_data';

/** How often one peer asks the other whether it is there, in milliseconds. */
const ASKING = 10;

/** How long two peers talk before their hub is lost, and after, in milliseconds. */
const BEFORE = 1000;
const AFTER = 8000;

/** How soon a peer comes back whose connection was closed, in milliseconds: at once. */
const AT_ONCE = 1;

/** What is demanded: of latency, the difference in µs; of rates, the ratio; of a loss, the time in ms. */
const TARGETS = { addedP50: 100, ratio: 0.5, spread: 2.5, killed: 5000, stopped: 200, told: 200 };

async function compare({ rounds, seconds }) {
  const found = Object.fromEntries(Object.keys(LOADS).map((name) => [name, { direct: [], relayed: [] }]));
  await inScope(async (scope) => {
    const redis = await startRedis(scope);
    const [owner, relay] = await startHubs(scope, redis.url, { count: 2 });
    for (let round = 1; round <= rounds; round++) {
      for (const [name, { args, read }] of Object.entries(LOADS)) {
        for (const [way, { port }] of Object.entries({ direct: owner, relayed: relay })) {
          const result = await load(owner, port, args, `${name}-${way}-${round}`, seconds);
          found[name][way].push(read(result));
        }
      }
      console.log(`round ${round} of ${rounds}`);
    }
  });
  return found;
}

/** One run of the generator, on a database that the owner has. */
async function load(owner, port, args, database, seconds) {
  await give(owner, database);
  return loadWith([...args, '--port', port, '--seconds', seconds, '--core', 'any'], database);
}

async function loadWith(args, prefix) {
  const result = await generate([...args, '--path-prefix', prefix].map(String));
  if (result.violation) {
    throw new Error(`a message was lost, doubled or out of order: ${result.violation}`);
  }
  return result;
}

/**
 * A hundred databases, all asked for at one hub, and each at one of three in turn: messages a second, and how many
 * databases each hub has.
 */
async function compareSpread({ rounds, seconds }) {
  const found = { together: [], apart: [], databases: [] };
  await inScope(async (scope) => {
    const redis = await startRedis(scope);
    const hubs = await startHubs(scope, redis.url, { count: HUBS });
    const ways = { together: hubs.slice(0, 1), apart: hubs };
    for (let round = 1; round <= rounds; round++) {
      for (const [way, places] of Object.entries(ways)) {
        const ports = places.map(({ port }) => port).join();
        const args = ['qa', '--pairs', DATABASES, '--apart', '--port', ports, '--seconds', seconds, '--core', 'any'];
        const running = loadWith(args, `${way}-${round}`);
        await pause((seconds * 1000) / 2);
        found.databases = await Promise.all(hubs.map((hub) => databasesOf(hub, `${way}-${round}`)));
        found[way].push((await running).rate);
      }
    }
  });
  return found;
}

/** How many of these databases a hub has. */
async function databasesOf(hub, prefix) {
  const { databases } = await hub.status();
  return databases.filter(({ name }) => name.startsWith(prefix)).length;
}

/** Two peers at two hubs that relay; the third one has their database, and is lost. The longest silence, in ms. */
function loseOwner(lose) {
  return inScope(async (scope) => {
    const redis = await startRedis(scope);
    const hubs = await startHubs(scope, redis.url);
    await give(hubs[0], DATABASE);
    const talk = new Talk(hubs.slice(1));
    talk.start();
    await pause(BEFORE);
    await lose(hubs[0]);
    await pause(AFTER);
    return talk.end();
  });
}

/** One peer asks, the other one answers; both come back at once where their connection is closed. */
class Talk {
  #isOver = false;
  #answered = performance.now();
  #longest = 0;
  #peers = [];
  #loops = [];

  constructor([one, other]) {
    this.places = { 'asker-1': one, 'answerer-1': other };
  }

  start() {
    this.#loops = Object.entries(this.places).map(([id, hub]) => this.#stay(id, hub));
  }

  async #stay(id, hub) {
    while (!this.#isOver) {
      try {
        const peer = await join(hub, id);
        this.#peers.push(peer);
        peer.socket.on('message', (data) => this.#hear(peer, String(data)));
        const asking = id === 'asker-1' && setInterval(() => this.#ask(peer), ASKING);
        await peer.closed;
        clearInterval(asking);
      } catch {
        // It is tried again, as published clients do.
      }
      await pause(AT_ONCE);
    }
  }

  #ask({ socket }) {
    if (socket.readyState === socket.OPEN) {
      socket.send('to:answerer-1;there?');
    }
  }

  #hear({ socket }, text) {
    if (text === 'there?') {
      socket.send('to:asker-1;here');
    } else if (text === 'here') {
      const now = performance.now();
      this.#longest = Math.max(this.#longest, now - this.#answered);
      this.#answered = now;
    }
  }

  async end() {
    const silence = performance.now() - this.#answered;
    this.#isOver = true;
    for (const { socket } of this.#peers) {
      socket.terminate();
    }
    await Promise.all(this.#loops);
    if (silence > BEFORE) {
      throw new Error(`nobody answers any more, for ${Math.round(silence)} ms`);
    }
    return this.#longest;
  }
}

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

async function inScope(action) {
  const scope = new RunScope();
  try {
    return await action(scope);
  } finally {
    await scope.end();
  }
}

async function lose(losses) {
  const ways = {
    killed: (hub) => hub.kill(),
    stopped: (hub) => hub.stop(),
    told: (hub) => hub.ask(`POST /handover?db=${DATABASE}`),
  };
  const times = { killed: [], stopped: [], told: [] };
  for (let loss = 1; loss <= losses; loss++) {
    for (const [way, strike] of Object.entries(ways)) {
      const time = await loseOwner(strike);
      times[way].push(time);
      console.log(
        `the owner is ${way}${way === 'told' ? ' to hand over' : ''}, ${loss} of ${losses}: ${number(time)} ms without service`,
      );
    }
  }
  return times;
}

/** @returns {{ lines: string[][], isMet: boolean }} */
function judge(found, spread, times) {
  const lines = [['', 'direct, or at one', 'relayed, or spread', 'unit', 'difference', 'target', '']];
  let isMet = true;
  const verdict = (is) => {
    isMet &&= is;
    return is ? 'met' : 'MISSED';
  };
  for (const [name, { unit }] of Object.entries(LOADS)) {
    const [direct, relayed] = [median(found[name].direct), median(found[name].relayed)];
    const added = relayed - direct;
    const ratio = relayed / direct;
    const isLatency = name === 'latency';
    lines.push([
      name,
      number(direct),
      number(relayed),
      unit,
      isLatency ? `+${number(added)}` : `${number(ratio)}x`,
      isLatency ? `<= +${TARGETS.addedP50}` : `>= ${TARGETS.ratio}x`,
      verdict(isLatency ? added <= TARGETS.addedP50 : ratio >= TARGETS.ratio),
    ]);
  }
  if (spread.apart.length > 0) {
    const [together, apart] = [median(spread.together), median(spread.apart)];
    const ratio = apart / together;
    const isJudged = os.availableParallelism() >= ENOUGH_PROCESSORS;
    lines.push([
      `${DATABASES} databases, ${spread.databases.join(' + ')}`,
      number(together),
      number(apart),
      'messages/s',
      `${number(ratio)}x`,
      `>= ${TARGETS.spread}x`,
      isJudged ? verdict(ratio >= TARGETS.spread) : 'too few processors',
    ]);
  }
  for (const [way, all] of Object.entries(times).filter(([, all]) => all.length > 0)) {
    const longest = Math.max(...all);
    const figures = ['', number(longest), `ms, longest; median ${number(median(all))}`, '', `<= ${TARGETS[way]}`];
    lines.push([`owner ${way}`, ...figures, verdict(longest <= TARGETS[way])]);
  }
  return { lines, isMet };
}

async function main() {
  const { values } = readArguments(HELP, {
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      losses: { type: 'string', default: '5' },
      out: { type: 'string', default: path.join(__dirname, 'results-hubs.json') },
    },
  });
  if (noRedis) {
    throw new Error(noRedis);
  }
  buildGenerator();
  const found = await compare({ rounds: Number(values.rounds), seconds: Number(values.seconds) });
  const spread = await compareSpread({ rounds: Number(values.rounds), seconds: Number(values.seconds) });
  const times = await lose(Number(values.losses));
  const { lines, isMet } = judge(found, spread, times);
  writeReport(values.out, { found, spread, times });
  console.log(`\n${textTable(lines, [0, 3, 6])}`);
  process.exitCode = isMet ? 0 : 1;
}

runCommand(main);
