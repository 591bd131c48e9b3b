#!/usr/bin/env node
// `npm run prove:autobahn`: all cases of Autobahn|Testsuite but those of compression, which the hub does not offer,
// against two echoes that are made of the server's own code. The results are compared with those that are kept in
// expected.json.
'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { Testsuite } = require('./testsuite.js');

const HELP = `Usage: npm run prove:autobahn -- [options]
  --cases LIST  only these, separated by commas; such as 5.*,9.1.1
  --update      keep the results as what is expected from now on
The report of the testsuite itself is in target/autobahn/reports/index.html.`;

const ROOT = path.join(__dirname, '../..');
const EXPECTED = path.join(__dirname, 'expected.json');
const FOLDER = path.join(ROOT, 'target/autobahn');
const COMPRESSION = ['12.*', '13.*'];
/** Cases that send binary messages, which a hub ignores. */
const BINARY = ['1.2.*', '9.2.*', '9.4.*', '9.6.*', '9.8.*'];
const GOOD = new Set(['OK', 'NON-STRICT', 'INFORMATIONAL']);

async function main() {
  const { cases, update } = settings();
  const testsuite = new Testsuite(FOLDER);
  testsuite.install();
  rmSync(path.join(FOLDER, 'reports'), { recursive: true, force: true });
  const echo = await startEcho();
  const began = Date.now();
  try {
    const found = outcomes(await testsuite.run(spec(echo.ports, cases), showProgress()));
    process.stdout.write('\n');
    report(found, (Date.now() - began) / 1000);
    return update ? keep(found) : compare(found, cases === undefined);
  } finally {
    echo.stop();
  }
}

function settings() {
  const { values } = parseArgs({
    options: { cases: { type: 'string' }, update: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  if (values.cases && values.update) {
    throw new Error('--update keeps the results of all cases: leave --cases out');
  }
  return { cases: values.cases?.split(','), update: values.update };
}

/** Builds and starts the echoes. */
async function startEcho() {
  console.log('Building the echoes …');
  const build = ['run', '--quiet', '--profile', 'profiling', '--example', 'echo'];
  const child = spawn('cargo', build, { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await Promise.race([once(child.stdout, 'data'), once(child, 'close')]);
  const ready = /^ready (\d+) (\d+)/.exec(line);
  if (!ready) {
    throw new Error('the echoes did not start');
  }
  return { ports: { wire: ready[1], hub: ready[2] }, stop: () => child.stdin.end() };
}

function spec({ wire, hub }, cases = ['*']) {
  return {
    servers: [
      { agent: 'wire', url: `ws://127.0.0.1:${wire}` },
      { agent: 'hub', url: `ws://127.0.0.1:${hub}/echo_data/connect?v=1.0.0&id=autobahn&t=undefined` },
    ],
    cases,
    'exclude-cases': COMPRESSION,
    'exclude-agent-cases': { hub: BINARY },
  };
}

function showProgress() {
  let count = 0;
  return (agent, id) => {
    count += 1;
    process.stdout.write(
      process.stdout.isTTY ? `\r${count} ${agent} ${id}      ` : count % 50 === 0 ? `${count} … ` : '',
    );
  };
}

/** Of each agent and case two words: how it went, and how the connection was closed. */
function outcomes(results) {
  const wordsOf = ({ behavior, behaviorClose }) => `${behavior}, closed ${behaviorClose}`;
  const ofAgent = (cases) =>
    Object.fromEntries(
      Object.keys(cases)
        .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
        .map((id) => [id, wordsOf(cases[id])]),
    );
  return Object.fromEntries(['wire', 'hub'].map((agent) => [agent, ofAgent(results[agent] ?? {})]));
}

function report(found, seconds) {
  for (const [agent, cases] of Object.entries(found)) {
    const counts = new Map();
    for (const words of Object.values(cases)) {
      counts.set(words, (counts.get(words) ?? 0) + 1);
    }
    const summary = [...counts].map(([words, count]) => `${count} ${words}`).join('; ');
    console.log(`${agent}: ${Object.keys(cases).length} cases: ${summary}`);
  }
  console.log(`${seconds.toFixed(0)} s, ${new Date().toISOString().slice(0, 10)}`);
}

/** Whether all is well; says what is not. */
function compare(found, isWhole) {
  const expected = JSON.parse(readFileSync(EXPECTED, 'utf8'));
  const differences = Object.keys(found).flatMap((agent) => {
    const ids = new Set([...Object.keys(found[agent]), ...(isWhole ? Object.keys(expected[agent]) : [])]);
    return [...ids]
      .filter((id) => found[agent][id] !== expected[agent][id])
      .map((id) => `${agent} ${id}: expected ${expected[agent][id]}, found ${found[agent][id]}`);
  });
  const bad = failures(found);
  console.log([...differences, ...bad].join('\n') || 'All results are as expected.');
  return differences.length + bad.length === 0;
}

/** Also what is expected may not be a failure. */
function failures(found) {
  return Object.entries(found).flatMap(([agent, cases]) =>
    Object.entries(cases)
      .filter(([, words]) => !words.split(', closed ').every((word) => GOOD.has(word)))
      .map(([id, words]) => `${agent} ${id} is not conformant: ${words}`),
  );
}

function keep(found) {
  const bad = failures(found);
  if (bad.length > 0) {
    console.log(`Not kept:\n${bad.join('\n')}`);
    return false;
  }
  writeFileSync(EXPECTED, `${JSON.stringify(found, null, 2)}\n`);
  console.log(`Kept in ${path.relative(ROOT, EXPECTED)}.`);
  return true;
}

main().then(
  (isGood) => {
    process.exitCode = isGood ? 0 : 1;
  },
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
