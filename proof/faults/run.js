#!/usr/bin/env node
'use strict';

// `npm run prove:faults`: faults of networks, disks and clocks, each with what is promised and what was seen.
// Arguments: parts of the names of those to run, otherwise all.

const { execFileSync, spawnSync } = require('node:child_process');

const { RunScope } = require('../soak/run-scope.js');
const { SCENARIOS } = require('./scenarios.js');

/** Set in the process that has a network, and mounts, of its own. */
const INSIDE = 'ACEBASE_IPC_FAULTS_INSIDE';

async function main(wanted) {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const chosen = SCENARIOS.filter(({ fault }) => wanted.length === 0 || wanted.some((part) => fault.includes(part)));
  if (chosen.length === 0) {
    console.error(`No fault has ${wanted.join(' or ')} in its name`);
    process.exit(2);
  }
  const rows = [];
  for (const scenario of chosen) {
    console.log(`... ${scenario.fault}`);
    rows.push(await play(scenario));
    console.log(`${rows.at(-1).isKept ? 'kept  ' : 'MISSED'} ${rows.at(-1).seen}\n`);
  }
  report(rows);
  process.exit(rows.every(({ isKept }) => isKept) ? 0 : 1);
}

async function play({ fault, promise, run }) {
  const scope = new RunScope();
  const row = { fault, promise, ...(await outcome(() => run(scope))) };
  const end = await outcome(() => scope.end());
  return end.isKept ? row : { ...row, seen: `${row.seen}\nNot put away: ${end.seen}`, isKept: false };
}

/** What was seen, or the error; none ends the run, for the other faults' sake. */
async function outcome(work) {
  try {
    return { seen: await work(), isKept: true };
  } catch (error) {
    return { seen: error.stack, isKept: false };
  }
}

function report(rows) {
  console.log('| fault | promised | seen | |\n|---|---|---|---|');
  for (const { fault, promise, seen, isKept } of rows) {
    console.log(`| ${fault} | ${promise} | ${seen.split('\n')[0]} | ${isKept ? 'kept' : 'MISSED'} |`);
  }
}

/** Runs all this with a network and mounts of its own: nothing of it shows outside, and nothing is left behind. */
function enter() {
  const env = { ...process.env, [INSIDE]: '1' };
  const args = ['--net', '--mount', process.execPath, __filename, ...process.argv.slice(2)];
  const { status, error } = spawnSync('unshare', args, { stdio: 'inherit', env });
  if (error) {
    console.error(`prove:faults needs Linux with unshare: ${error.message}`);
  }
  process.exit(status ?? 2);
}

if (process.env[INSIDE]) {
  main(process.argv.slice(2));
} else {
  enter();
}
