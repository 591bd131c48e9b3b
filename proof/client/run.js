#!/usr/bin/env node
'use strict';

// `npm run prove:client`: real processes that all have the client, under load, while the hub is taken away from them.
// Nothing confirmed may be lost, no request hang or come twice, and no process end.

const { parseArgs } = require('node:util');

const { FAULTS, runOrdeal } = require('../../__test__/client/support/ordeal.js');
const { RunScope } = require('../soak/run-scope.js');

/** Each fault: how often, and how long it lasts, in milliseconds. */
const RHYTHM = {
  kill: { every: 10_000 },
  'double-kill': { every: 5000 },
  reset: { every: 1000 },
  partition: { every: 10_000, duration: 60_000 },
  absence: { every: 10_000, duration: 120_000 },
};

/** How long after the hub's return all must have written again, in milliseconds. */
const RETURN_LIMIT = 2000;

const HELP = `npm run prove:client -- [--minutes 2] [FAULT …]
Where none is named: kill. The faults: ${Object.keys(FAULTS).join(', ')}.`;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { minutes: { type: 'string', default: '2' }, help: { type: 'boolean', default: false } },
  });
  const total = Number(values.minutes) * 60_000;
  if (values.help || !(total > 0) || !positionals.every((name) => name in FAULTS)) {
    console.log(HELP);
    process.exit(values.help ? 0 : 2);
  }
  let isKept = true;
  for (const fault of positionals.length > 0 ? positionals : ['kill']) {
    isKept = (await play(fault, total)) && isKept;
  }
  process.exit(isKept ? 0 : 1);
}

async function play(fault, total) {
  const scope = new RunScope();
  try {
    const tell = (line) => console.log(`  ${line}`);
    const figures = await runOrdeal(scope, { fault, total, ...RHYTHM[fault], tell });
    const { failures, ended, missing, hung, unheard, doubled, longest } = figures;
    console.log(fault, figures);
    const isWhole = missing + hung + unheard + doubled === 0 && failures.length === 0 && ended.length === 0;
    return isWhole && longest <= RETURN_LIMIT;
  } catch (error) {
    console.log(`${fault}: ${error.stack}`);
    return false;
  } finally {
    await scope.end();
  }
}

main();
