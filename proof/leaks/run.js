#!/usr/bin/env node
'use strict';

// `npm run prove:leaks`: no memory is lost or misused. The addon in Node.js under valgrind and under AddressSanitizer,
// the Rust tests under AddressSanitizer, and those of the pure layers under Miri.
//
// A step whose tool is missing says what to install. `npm run prove:leaks -- memcheck` runs the named steps only, and
// then they must be able to run. `--symbols` builds an addon for memcheck that names its functions.
//
// Exit status: 0 all is well, 1 something was found, 2 nothing, or not what was asked for, could be run.

const path = require('node:path');

const { textTable } = require('../../bench/support/report.js');
const { WITH_SYMBOLS, withAddon } = require('./addon.js');
const { checkAddonWithAsan, whyNoAddonAsan } = require('./addon-asan.js');
const { describe, hasValgrind, memcheck } = require('./memcheck.js');
const { testWithAsan, testWithMiri, whyNoAsan, whyNoMiri } = require('./rust.js');

const CYCLES = path.join(__dirname, 'cycles.js');
/** How much of what a failed step has printed is shown, in characters: enough for a fault with its stacks. */
const EXCERPT = 8000;

const STEPS = [
  {
    name: 'memcheck',
    demanded: 'no fault and no lost memory with the addon in its stack',
    whyNot: () => (hasValgrind() ? undefined : "install valgrind: the package 'valgrind' of most systems"),
    run: runMemcheck,
  },
  {
    name: 'addon-asan',
    demanded: 'no fault and no lost memory',
    whyNot: whyNoAddonAsan,
    run: () => judgeAddon(checkAddonWithAsan(CYCLES)),
  },
  {
    name: 'asan',
    demanded: 'all Rust tests pass, no fault and no lost memory',
    whyNot: whyNoAsan,
    run: () => judgeTests(testWithAsan()),
  },
  {
    name: 'miri',
    demanded: 'the tests of the pure layers pass',
    whyNot: whyNoMiri,
    run: () => judgeTests(testWithMiri()),
  },
];

function main(args) {
  const hasSymbols = args.includes('--symbols');
  const names = args.filter((name) => name !== '--symbols');
  const steps = STEPS.filter(({ name }) => names.length === 0 || names.includes(name));
  const results = steps.map((step) => result(step, hasSymbols));
  const rows = results.map(({ name, demanded, seen, verdict }) => [name, demanded, seen, verdict]);
  console.log(`\n${textTable([['step', 'demanded', 'seen', ''], ...rows], [0, 1, 2, 3])}`);
  return exitStatus(results, names);
}

function result({ name, demanded, whyNot, run }, hasSymbols) {
  const reason = whyNot();
  if (reason) {
    return { name, demanded, seen: reason, verdict: 'NOT RUN' };
  }
  console.log(`${name} ...`);
  const { isGood, seen, report } = run(hasSymbols);
  if (!isGood) {
    console.log(report);
  }
  return { name, demanded, seen, verdict: isGood ? 'met' : 'MISSED' };
}

function exitStatus(results, names) {
  const count = (verdict) => results.filter((result) => result.verdict === verdict).length;
  if (count('MISSED') > 0) {
    return 1;
  }
  const isComplete = names.length === 0 ? count('met') > 0 : count('met') === names.length;
  return isComplete ? 0 : 2;
}

function runMemcheck(hasSymbols) {
  const check = (env) => judgeMemcheck(memcheck(CYCLES, env));
  return hasSymbols ? withAddon(WITH_SYMBOLS, check) : check(process.env);
}

function judgeMemcheck({ status, output, faults, others }) {
  const hasEnded = status === 0;
  return {
    isGood: hasEnded && faults.length === 0,
    seen: hasEnded ? `${faults.length} faults (and ${others} of Node.js alone)` : `ended with ${status}`,
    report: [...faults.map(describe), hasEnded ? '' : output.slice(-EXCERPT)].join('\n'),
  };
}

function judgeAddon({ isGood, seen, output }) {
  return { isGood, seen, report: excerpt(output) };
}

function judgeTests({ isGood, output, passed }) {
  const isProof = isGood && passed > 0;
  return {
    isGood: isProof,
    seen: `${passed} tests passed${isGood ? '' : ', and a fault was found'}`,
    report: excerpt(output),
  };
}

/** The first fault that a sanitizer has found, or the end. */
function excerpt(output) {
  const fault = output.indexOf('ERROR: ');
  return fault < 0 ? output.slice(-EXCERPT) : output.slice(fault, fault + EXCERPT);
}

process.exitCode = main(process.argv.slice(2));
