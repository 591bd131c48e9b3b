'use strict';

// Everything that `npm test` checks, one step after the other. All steps run, also after a failure; the last lines say
// how each went. `npm test -- rust js` runs the named steps only.
//
// Tests in which real processes meet real faults are of chance, as the faults are: what a client has in hand when its
// hub is killed, no test decides. A file of those that fails is run once more, and the summary names it. One that fails
// twice has failed.

const { spawnSync } = require('node:child_process');
const { mkdtempSync, readdirSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const ROOT = path.dirname(__dirname);
/** Where npm puts the commands of the development dependencies. */
const COMMANDS = path.join(ROOT, 'node_modules', '.bin');
/** A file of node tests that takes longer than this, in milliseconds, hangs. */
const TEST_TIMEOUT = 10 * 60 * 1000;
/** So many files of a step may fail by chance. Where more do, something is wrong. */
const MAX_SECOND_TRIES = 2;

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
  { name: 'js', command: nodeTests(filesOf('__test__'), 1) },
  { name: 'client', files: filesOf('__test__/client'), concurrency: 1 },
  { name: 'cluster', files: filesOf('__test__/cluster'), concurrency: 2 },
  ...CLUSTERS.map((cluster) => ({
    name: `cluster-${cluster}`,
    files: filesOf('__test__/cluster').filter((file) => FAULTS.includes(path.basename(file, '.test.js'))),
    concurrency: 2,
    env: { CLIENTS: cluster },
  })),
  { name: 'hubs', files: filesOf('__test__/hubs'), concurrency: 2 },
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

function run(step) {
  const started = Date.now();
  const result = step.files ? runFaults(step) : { isGood: runCommand(step) };
  return { name: step.name, ...result, seconds: (Date.now() - started) / 1000 };
}

function runCommand({ name, command, env: more = {} }) {
  console.log(`\n=== ${name}: ${command}`);
  const env = { ...process.env, PATH: `${COMMANDS}${path.delimiter}${process.env.PATH}`, ...more };
  return spawnSync(command, { cwd: ROOT, stdio: 'inherit', shell: true, env }).status === 0;
}

/** Files in which real processes meet faults. Those that fail are run again, each by itself. */
function runFaults({ name, files, concurrency, env }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'failed-'));
  const list = path.join(folder, 'files');
  try {
    if (runCommand({ name, command: nodeTests(files, concurrency, list), env })) {
      return { isGood: true };
    }
    const failed = [...new Set(readFileSync(list, 'utf8').split('\n').filter(Boolean))];
    const hasChance = failed.length > 0 && failed.length <= MAX_SECOND_TRIES;
    const isGood = hasChance && runCommand({ name: `${name}, once more`, command: nodeTests(failed, 1), env });
    return { isGood, secondTries: hasChance ? failed : [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function filesOf(folder) {
  const names = readdirSync(path.join(ROOT, folder));
  return names.filter((name) => name.endsWith('.test.js')).map((name) => `${folder}/${name}`);
}

/**
 * Few files at a time: the tests start servers, databases and process managers, and machines for tests are small. Those
 * of the cluster wait more than they work. `failed`: where the files of failed tests are written, a line each.
 */
function nodeTests(files, concurrency, failed) {
  const toScreen = '--test-reporter=spec --test-reporter-destination=stdout';
  const toFile = failed ? ` --test-reporter=./scripts/failed-files.js --test-reporter-destination=${failed}` : '';
  const limits = `--test-concurrency=${concurrency} --test-timeout=${TEST_TIMEOUT}`;
  return `node --test ${toScreen}${toFile} ${limits} ${files.join(' ')}`;
}

function report(results) {
  console.log('\n=== Summary');
  for (const { name, isGood, seconds, secondTries = [] } of results) {
    const again = secondTries.length > 0 ? `, with a second try of ${secondTries.join(', ')}` : '';
    const time = `${seconds.toFixed(1).padStart(6)} s`;
    console.log(`${isGood ? 'ok    ' : 'FAILED'} ${name.padEnd(NAME_WIDTH)} ${time}${again}`);
  }
  const failed = results.filter((result) => !result.isGood).map((result) => result.name);
  const total = results.reduce((sum, result) => sum + result.seconds, 0).toFixed(0);
  console.log(failed.length === 0 ? `All checks passed in ${total} s.` : `FAILED: ${failed.join(', ')} (${total} s).`);
}
