#!/usr/bin/env node
'use strict';

// `npm run prove:platforms`, or `… -- linux-arm64-gnu win32-x64-msvc` for some: builds the addon for every platform
// that is published, on one Linux x64 and from public packages only, and runs the smoke test and an exchange of sixteen
// steps where an emulator or a loader can. Takes an hour for all, and is no part of `npm test`.

const { mkdirSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { textTable } = require('../../bench/support/report.js');
const certificates = require('../../__test__/support/certificates.js');
const { build } = require('./build.js');
const { fetchFor } = require('./fetch.js');
const { missingPackages } = require('./needs.js');
const { inWork, ROOT, WORK } = require('./places.js');
const { runnerOf } = require('./runners.js');
const { TARGETS } = require('./targets.js');

const RESULTS = inWork('results.json');

/** What a step came to. */
const Outcome = { GOOD: 'yes', BAD: 'NO', NOT_RUN: 'not run' };

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function main() {
  const targets = chosen(process.argv.slice(2));
  const missing = missingPackages(targets);
  if (missing.length > 0) {
    throw new Error(`Missing: apt-get install --yes --no-install-recommends ${missing.join(' ')}`);
  }
  mkdirSync(WORK, { recursive: true });
  fetchFor(targets);
  const folder = makeCertificates();
  const results = targets.map((target) => tryTarget(target, folder));
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(RESULTS, `${JSON.stringify({ date, results }, undefined, 2)}\n`);
  const rows = results.map(({ name, builds, smoke, exchange, seconds }) => [
    name,
    builds,
    smoke,
    exchange,
    `${seconds} s`,
  ]);
  console.log(`\n${textTable([[date, 'builds', 'smoke test', 'sixteen steps', 'in all'], ...rows], [0])}`);
  process.exitCode = results.some((result) => Object.values(result).includes(Outcome.BAD)) ? 1 : 0;
}

function chosen(names) {
  const unknown = names.find((name) => !TARGETS.some((target) => target.name === name));
  if (unknown) {
    throw new Error(`There is no platform "${unknown}": ${TARGETS.map(({ name }) => name).join(', ')}`);
  }
  return TARGETS.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** The folder with all files that the exchange needs. */
function makeCertificates() {
  for (const make of ['pem', 'encryptedPem', 'pfx', 'legacyPfx', 'renewed']) {
    certificates[make]();
  }
  return path.dirname(certificates.file('cert.pem'));
}

function tryTarget(target, folder) {
  const { name } = target;
  const began = Date.now();
  const result = { name, builds: Outcome.BAD, smoke: Outcome.NOT_RUN, exchange: Outcome.NOT_RUN };
  try {
    build(target);
    result.builds = Outcome.GOOD;
    const runScript = runnerOf(target);
    if (runScript) {
      result.smoke = judge(name, runScript(path.join(ROOT, 'scripts', 'smoke.js')));
      result.exchange = judge(name, runScript(path.join(__dirname, 'exchange.js'), folder));
    }
  } catch (error) {
    console.log(`${name}: ${error.message}`);
  }
  result.seconds = Math.round((Date.now() - began) / 1000);
  console.log(`${name}: builds: ${result.builds}, smoke test: ${result.smoke}, sixteen steps: ${result.exchange}`);
  return result;
}

function judge(name, { isGood, said }) {
  if (!isGood) {
    console.log(`${name}: ${said.trim()}`);
  }
  return isGood ? Outcome.GOOD : Outcome.BAD;
}
