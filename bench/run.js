#!/usr/bin/env node
'use strict';

// `npm run bench`: the hub against the `ws` yardstick, workload by workload, both servers in turn within each round.

const path = require('node:path');

const { COMPARISONS, ROWS } = require('./rows.js');
const { EXIT_NO_RUN, readArguments, runCommand } = require('./support/command.js');
const { buildGenerator, generate } = require('./support/generator.js');
const { isDisturbed, number, summarise, table, writeReport } = require('./support/report.js');
const { commands, makeCertificate, startServer } = require('./support/servers.js');

const ROW_IDS = ROWS.map(({ id }) => id).join(' ');

const HELP = `Usage: npm run bench -- [options]
  --quick          a smoke run: one round, short
  --only ID        only this row, or all rows of this comparison (may be repeated):
                   ${ROW_IDS}
                   ${Object.keys(COMPARISONS).join(' ')}
  --rounds N       rounds of all rows [5]
  --seconds S      measured time of one run [1]
  --hub COMMAND    run this instead of bench/hub.js (it gets --port, --options, --tls-key, --tls-cert; prints "ready <port>")
  --mask-key HEX   masking key of the clients' frames [00000000]; with another key the servers have to unmask
  --out FILE       where the results go [bench/results.json]`;

const QUICK = { rounds: 1, seconds: 0.3, peers: 2_000 };
/**
 * Many short rounds: the machine drifts from second to second, and the median of pairs that stand close together
 * forgives it.
 */
const FULL = { rounds: 5, seconds: 1, peers: 10_000 };
const EXIT_VIOLATION = 1;

function settings() {
  const { values } = readArguments(HELP, {
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      hub: { type: 'string' },
      'mask-key': { type: 'string', default: '00000000' },
      out: { type: 'string', default: path.join(__dirname, 'results.json') },
    },
  });
  const base = values.quick ? QUICK : FULL;
  const { only, out, hub } = values;
  return {
    only,
    out,
    hub,
    maskKey: values['mask-key'],
    peers: base.peers,
    rounds: Number(values.rounds ?? base.rounds),
    seconds: Number(values.seconds ?? base.seconds),
  };
}

/** Keeps one server per contestant for the whole run, and makes fresh ones where a row asks for it. */
class Arena {
  #servers = new Map();
  #commands;
  #certificate;

  constructor(hub) {
    this.#commands = commands(hub);
  }

  async with(contestant, fresh, use) {
    if (!fresh) return use(await this.#lasting(contestant));
    const server = await this.#start(contestant);
    return use(server).finally(() => server.stop());
  }

  async close() {
    // A server that never started was told of already, and needs no stop.
    const stops = [...this.#servers.values()].map((starting) => starting.then((server) => server.stop()));
    await Promise.allSettled(stops);
  }

  #lasting(contestant) {
    if (!this.#servers.has(contestant)) this.#servers.set(contestant, this.#start(contestant));
    return this.#servers.get(contestant);
  }

  #start({ kind, tls, options }) {
    if (tls) this.#certificate ??= makeCertificate();
    return startServer({ command: this.#commands[kind], options, certificate: tls ? this.#certificate : undefined });
  }
}

/** One run of one row on one server. A run that could not be made is told and leaves a gap. */
async function runOnce(arena, row, contestant, { seconds, peers, maskKey }) {
  try {
    return await arena.with(contestant, row.fresh, ({ port, pid }) => {
      const common = { port, 'server-pid': pid, seconds, peers, 'mask-key': maskKey };
      return generate([
        ...row.arguments,
        ...Object.entries(common).flatMap(([name, value]) => [`--${name}`, `${value}`]),
      ]);
    });
  } catch (error) {
    return { failure: error.message };
  }
}

function outcome(row, result) {
  if (result.failure) return `NO RUN: ${result.failure}`;
  if (result.violation) return `VIOLATION: ${result.violation}`;
  const figures = row.figures.map(({ name, unit, read }) =>
    `${name} ${number(read(result) ?? undefined)} ${unit}`.trim(),
  );
  const flags = [
    result.generator_bound && 'generator-bound',
    isDisturbed(result) && `disturbed: other processes used ${number(result.other_cpu)} cores`,
  ].filter(Boolean);
  return [figures.join(', '), ...flags.map((flag) => `[${flag}]`)].join(' ');
}

/** All rounds of all rows. Within a round the two servers of a row run one after the other, in turn first. */
async function runAll(arena, rows, config) {
  const results = new Map(rows.map((row) => [row, []]));
  const total = rows.reduce((sum, row) => sum + 2 * Math.min(config.rounds, row.rounds), 0);
  let done = 0;
  for (let round = 0; round < config.rounds; round++) {
    for (const row of rows.filter(({ rounds }) => round < rounds)) {
      const sides = round % 2 ? ['other', 'ours'] : ['ours', 'other'];
      const pair = {};
      for (const side of sides) {
        const contestant = COMPARISONS[row.comparison][side];
        pair[side] = await runOnce(arena, row, contestant, config);
        done += 1;
        const place = `[${String(done).padStart(String(total).length)}/${total}]`;
        console.log(`${place} round ${round + 1}  ${row.id}, ${contestant.label}: ${outcome(row, pair[side])}`);
      }
      results.get(row).push(pair);
    }
  }
  return results;
}

async function main() {
  const config = settings();
  const isWanted = ({ id, comparison }) =>
    !config.only || config.only.some((name) => name === id || name === comparison);
  const rows = ROWS.filter(isWanted);
  if (rows.length === 0) throw new Error(`no such row; there are ${ROW_IDS}`);
  console.log('building the load generator ...');
  buildGenerator();
  const arena = new Arena(config.hub);
  const started = Date.now();
  const results = await runAll(arena, rows, config).finally(() => arena.close());
  const summary = rows.map((row) => {
    const { id, name, comparison } = row;
    const { ours, other } = COMPARISONS[comparison];
    const rounds = results.get(row);
    return { id, name, comparison, ours: ours.label, other: other.label, figures: summarise(row, rounds), rounds };
  });
  const { rounds, seconds, peers, maskKey } = config;
  writeReport(config.out, { settings: { rounds, seconds, peers, maskKey }, rows: summary });
  console.log(`\n${table(summary)}\n`);
  console.log(`${Math.round((Date.now() - started) / 1000)} s; all rounds are in ${path.relative('', config.out)}`);
  const runs = [...results.values()].flat().flatMap(({ ours, other }) => [ours, other]);
  const violations = runs.filter(({ violation }) => violation).length;
  const failures = runs.filter(({ failure }) => failure).length;
  if (violations) console.log(`${violations} of ${runs.length} runs lost, doubled, reordered or damaged messages`);
  if (failures) console.log(`${failures} of ${runs.length} runs could not be made`);
  process.exitCode = violations ? EXIT_VIOLATION : failures ? EXIT_NO_RUN : 0;
}

runCommand(main);
