#!/usr/bin/env node
'use strict';

// `npm run prove:hubs`: a cluster at three hubs, whose processes all have the client, under load, while hubs, Redis
// and the network between them fail. Nothing confirmed may be lost, no request hang or come twice, no process end, and
// no two locks be held at once that exclude each other.

const { parseArgs } = require('node:util');

const { endure } = require('../../__test__/client/support/ordeal.js');
const { noRedis } = require('../../__test__/support/redis.js');
const { RunScope } = require('../soak/run-scope.js');
const { enterOwnNetwork } = require('./network.js');
const { SCENARIOS } = require('./scenarios.js');
const { startApart } = require('./worlds.js');

/** How long all is well before and after a fault where the scenario does not say, in milliseconds. */
const EVERY = 10_000;

const HELP = `npm run prove:hubs -- [--minutes 10] [SCENARIO …]
Where none is named, all are played. The minutes are for the first one. The scenarios:
${Object.entries(SCENARIOS)
  .map(([name, { what }]) => `  ${name.padEnd(12)} ${what}`)
  .join('\n')}`;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { minutes: { type: 'string', default: '10' }, help: { type: 'boolean', default: false } },
  });
  const minutes = Number(values.minutes);
  if (values.help || !(minutes > 0) || !positionals.every((name) => name in SCENARIOS)) {
    console.log(HELP);
    process.exit(values.help ? 0 : 2);
  }
  if (noRedis) {
    console.log(noRedis);
    process.exit(1);
  }
  const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
  const inside = names.some(isApart) ? enterOwnNetwork() : undefined;
  if (inside?.status !== undefined) {
    process.exit(inside.status);
  }
  let isKept = true;
  for (const name of names) {
    const reason = SCENARIOS[name].skip || (isApart(name) && inside?.reason);
    if (reason) {
      console.log(`${name}: left out: ${reason}`);
    } else {
      isKept = (await play(name, minutes)) && isKept;
    }
  }
  process.exit(isKept ? 0 : 1);
}

/** It plays on several machines. */
function isApart(name) {
  return SCENARIOS[name].start === startApart;
}

async function play(name, minutes) {
  const { what, start, plan, every = EVERY, isLong, times = 1 } = SCENARIOS[name];
  console.log(`\n${name}: ${what}`);
  const scope = new RunScope();
  try {
    const world = await start(scope);
    const strike = plan(world);
    const tell = (line) => console.log(`  ${line}`);
    const total = isLong ? minutes * 60_000 : 0;
    const figures = await endure(world.cluster, { strike, what: name, every, total, times, tell });
    const { count, conflicts } = world.cluster.lockConflicts();
    console.log({ ...figures, locks: count, conflicts: conflicts.length });
    return isUnharmed(figures) && conflicts.length === 0;
  } catch (error) {
    console.log(`${name}: ${error.stack}`);
    return false;
  } finally {
    await scope.end().catch((error) => console.log(`  not put away: ${error.message}`));
  }
}

function isUnharmed({ missing, hung, unheard, doubled, failures, ended }) {
  return missing + hung + unheard + doubled === 0 && failures.length === 0 && ended.length === 0;
}

main();
