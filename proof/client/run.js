#!/usr/bin/env node
'use strict';

// `npm run prove:client`: real processes that all have the client, under load, while the hub is taken away from them.
// Nothing confirmed may be lost, no request hang or come twice, and no process end.

const { parseArgs } = require('node:util');

const { FAULTS } = require('../../__test__/client/support/faults.js');
const { runOrdeal } = require('../../__test__/client/support/ordeal.js');
const { RunScope } = require('../soak/run-scope.js');
const { findFormer } = require('./former.js');

/** How long after the hub's return all must have written again, in milliseconds. */
const RETURN_LIMIT = 2000;

/**
 * Each fault: how often, and how long it lasts, in milliseconds. `returnLimit`: where it is another one, because a lock
 * must expire first.
 */
const RHYTHM = {
  kill: { every: 10_000 },
  'double-kill': { every: 5000 },
  reset: { every: 1000 },
  partition: { every: 10_000, duration: 60_000 },
  absence: { every: 5000, returnLimit: 5000 },
  versions: { every: 5000 },
  plain: { every: 5000, returnLimit: 15_000 },
};

const HELP = `npm run prove:client -- [--minutes 2] [--lock-timeout 120] [--former PATH | --former-revision REV] [FAULT …]
Where none is named: kill. The faults: ${Object.keys(FAULTS).join(', ')}.
The lock timeout, in seconds, is AceBase's, and how long the hub is away in absence.
For versions: PATH is a checkout of another version of this package that is built; REV is one of this repository, which
is built first (some minutes).`;

async function main() {
  const { total, lockTimeout, faults, ...wanted } = readArguments();
  const scope = new RunScope();
  let isKept = true;
  try {
    const former = findFormer(scope, wanted);
    for (const fault of faults) {
      isKept = (await play(fault, total, lockTimeout, former)) && isKept;
    }
  } finally {
    await scope.end();
  }
  process.exit(isKept ? 0 : 1);
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '2' },
      'lock-timeout': { type: 'string', default: '120' },
      former: { type: 'string' },
      'former-revision': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { minutes, former, 'former-revision': revision } = values;
  const total = Number(minutes) * 60_000;
  const lockTimeout = Number(values['lock-timeout']);
  const isPossible = !positionals.includes('versions') || former !== undefined || revision !== undefined;
  if (values.help || !(total > 0 && lockTimeout > 0) || !isPossible || !positionals.every((name) => name in FAULTS)) {
    console.log(HELP);
    process.exit(values.help ? 0 : 2);
  }
  return { total, lockTimeout, former, revision, faults: positionals.length > 0 ? positionals : ['kill'] };
}

/** What depends on how long a lock lasts. */
function timesOf(fault, lockTimeout) {
  return fault === 'absence' ? { duration: lockTimeout * 1000, cluster: { lockTimeout } } : {};
}

async function play(fault, total, lockTimeout, former) {
  const scope = new RunScope();
  const { returnLimit = RETURN_LIMIT, ...rhythm } = { ...RHYTHM[fault], ...timesOf(fault, lockTimeout) };
  try {
    const tell = (line) => console.log(`  ${line}`);
    const figures = await runOrdeal(scope, { fault, total, former, ...rhythm, tell });
    const { failures, ended, missing, hung, unheard, doubled, longest } = figures;
    console.log(fault, figures);
    const isWhole = missing + hung + unheard + doubled === 0 && failures.length === 0 && ended.length === 0;
    return isWhole && longest <= returnLimit;
  } catch (error) {
    console.log(`${fault}: ${error.stack}`);
    return false;
  } finally {
    await scope.end();
  }
}

main();
