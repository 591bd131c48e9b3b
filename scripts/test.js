'use strict';

// Everything that `npm test` checks, one step after the other. All steps run, also after a failure; the last lines say
// how each went. `npm test -- rust js` runs the named steps only.

const { spawnSync } = require('node:child_process');
const { readdirSync } = require('node:fs');
const path = require('node:path');

const ROOT = path.dirname(__dirname);
/** Where npm puts the commands of the development dependencies. */
const COMMANDS = path.join(ROOT, 'node_modules', '.bin');
/** A file of node tests that takes longer than this, in milliseconds, hangs. */
const TEST_TIMEOUT = 10 * 60 * 1000;

/** Other crates of this repository. */
const CRATES = ['bench/load', 'fuzz'].map((folder) => `--manifest-path ${folder}/Cargo.toml`);
/** The fuzzers' build has a folder of its own: their variant of the server's library would overwrite the tests' one. */
const FUZZ = '--manifest-path fuzz/Cargo.toml --target-dir target/fuzz';

/** Clusters of which some processes have the client, and tests of faults that are run in each. */
const CLUSTERS = ['all', 'mixed', 'mixed-workers'];
const FAULTS = ['master-kills', 'hub-restart', 'connection-cuts', 'worker-death'];

const STEPS = [
  { name: 'rustfmt', command: ['', ...CRATES].map((crate) => `cargo fmt --check ${crate}`).join(' && ') },
  { name: 'clippy', command: 'cargo clippy --quiet --all-targets --all-features -- -D warnings' },
  { name: 'rust', command: 'cargo test --quiet' },
  { name: 'seeds', command: `cargo test --quiet ${FUZZ}` },
  { name: 'lint', command: 'biome check .' },
  { name: 'types', command: 'tsc --project __test__/types' },
  { name: 'js', command: nodeTests('__test__', 1) },
  { name: 'client', command: nodeTests('__test__/client', 1) },
  { name: 'cluster', command: nodeTests('__test__/cluster', 2) },
  ...CLUSTERS.map((cluster) => ({
    name: `cluster-${cluster}`,
    command: nodeTests('__test__/cluster', 2, FAULTS),
    env: { CLIENTS: cluster },
  })),
  { name: 'hubs', command: nodeTests('__test__/hubs', 2) },
];

/** How long the longest name of a step is. */
const NAME_WIDTH = Math.max(...STEPS.map((step) => step.name.length));

main(process.argv.slice(2));

function main(names) {
  const steps = names.length > 0 ? STEPS.filter((step) => names.includes(step.name)) : STEPS;
  if (steps.length < names.length) {
    console.error(`The steps are: ${STEPS.map((step) => step.name).join(', ')}`);
    process.exit(1);
  }
  const results = steps.map(run);
  report(results);
  process.exitCode = results.every((result) => result.isGood) ? 0 : 1;
}

function run({ name, command, env: more = {} }) {
  console.log(`\n=== ${name}: ${command}`);
  const started = Date.now();
  const env = { ...process.env, PATH: `${COMMANDS}${path.delimiter}${process.env.PATH}`, ...more };
  const { status } = spawnSync(command, { cwd: ROOT, stdio: 'inherit', shell: true, env });
  return { name, isGood: status === 0, seconds: (Date.now() - started) / 1000 };
}

/**
 * Few files at a time: the tests start servers, databases and process managers, and machines for tests are small. Those
 * of the cluster wait more than they work.
 */
function nodeTests(folder, concurrency, names) {
  const isMeant = (file) => names?.includes(path.basename(file, '.test.js')) ?? true;
  const files = readdirSync(path.join(ROOT, folder))
    .filter((file) => file.endsWith('.test.js') && isMeant(file))
    .map((file) => `${folder}/${file}`);
  return `node --test --test-reporter=spec --test-concurrency=${concurrency} --test-timeout=${TEST_TIMEOUT} ${files.join(' ')}`;
}

function report(results) {
  console.log('\n=== Summary');
  for (const { name, isGood, seconds } of results) {
    console.log(`${isGood ? 'ok    ' : 'FAILED'} ${name.padEnd(NAME_WIDTH)} ${seconds.toFixed(1).padStart(6)} s`);
  }
  const failed = results.filter((result) => !result.isGood).map((result) => result.name);
  const total = results.reduce((sum, result) => sum + result.seconds, 0).toFixed(0);
  console.log(failed.length === 0 ? `All checks passed in ${total} s.` : `FAILED: ${failed.join(', ')} (${total} s).`);
}
