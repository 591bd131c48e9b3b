'use strict';

// `npm run fuzz -- [--minutes 30] [target…]` lets libFuzzer run on the targets, two at a time, and tells what it saw.
// What it finds is left in fuzz/artifacts/<target>/: make it small with `cargo +nightly fuzz tmin`, mend the cause, and
// keep the input in fuzz/regressions/<target>/, where the tests run it.
//
// Needs a nightly Rust compiler, cargo-fuzz and a C++ compiler. FUZZ_TARGET_DIR names another folder for what is built.

const { spawn, spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readdirSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const ROOT = path.dirname(__dirname);
const TARGETS = readdirSync(path.join(__dirname, 'fuzz_targets')).map((file) => path.parse(file).name);

/** Runs at the same time: the machine's other work goes on. */
const AT_ONCE = 2;
/** An input that takes longer, in seconds, hangs. */
const TIMEOUT = 10;
/** A run that takes more memory, in MiB, takes too much. */
const MEMORY = 2048;
/** Longest input in bytes: enough for a certificate chain, or some hundred events. */
const MAX_LENGTH = 8192;
/** Where targets write files: in memory, if there is such a folder, for a busy disk is not a target that hangs. */
const TEMPORARY = existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
/** The lowest priority: fuzzers take what is left. */
const NICENESS = '19';

const BUILD = ['+nightly', 'fuzz', 'build', '--fuzz-dir', __dirname, '--features', 'fuzzer'];

main();

async function main() {
  const { values, positionals } = parseArgs({
    options: { minutes: { type: 'string', default: '30' } },
    allowPositionals: true,
  });
  const minutes = Number(values.minutes);
  const targets = positionals.length > 0 ? positionals : TARGETS;
  const unknown = targets.find((target) => !TARGETS.includes(target));
  if (unknown || !(minutes > 0)) {
    fail(`Usage: npm run fuzz -- [--minutes 30] [target…], with the targets ${TARGETS.join(', ')}`);
  }
  const folder = build();
  const queue = [...targets];
  const results = [];
  const worker = async () => {
    for (let target = queue.shift(); target; target = queue.shift()) {
      const result = await run(target, folder, minutes);
      console.log(`${target}: ${result.executions} executions, ${result.finds.length} finds`);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  report(results, minutes);
  process.exitCode = results.every((result) => result.finds.length === 0) ? 0 : 1;
}

/** Builds all targets. Gives the folder that they are in. */
function build() {
  const missing = spawnSync('cargo', ['+nightly', 'fuzz', '--version']).status !== 0;
  if (missing) {
    fail('Fuzzing needs: rustup toolchain install nightly && cargo install cargo-fuzz');
  }
  const elsewhere = process.env.FUZZ_TARGET_DIR ? ['--target-dir', process.env.FUZZ_TARGET_DIR] : [];
  const { status } = spawnSync('cargo', [...BUILD, ...elsewhere], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) {
    fail('The fuzz targets could not be built');
  }
  const host = /host: (\S+)/.exec(spawnSync('rustc', ['+nightly', '-vV'], { encoding: 'utf8' }).stdout)[1];
  return path.join(process.env.FUZZ_TARGET_DIR ?? path.join(__dirname, 'target'), host, 'release');
}

/** Runs one target. Its own output goes to a log beside its corpus; the figures are taken from there. */
function run(target, folder, minutes) {
  const [corpus, seeds, finds] = ['corpus', 'seeds', 'artifacts'].map((kind) => path.join(__dirname, kind, target));
  for (const needed of [corpus, finds]) {
    mkdirSync(needed, { recursive: true });
  }
  const before = new Set(readdirSync(finds));
  const dictionary = path.join(__dirname, 'dictionaries', `${target}.dict`);
  const options = [
    `-max_total_time=${Math.round(minutes * 60)}`,
    `-timeout=${TIMEOUT}`,
    `-rss_limit_mb=${MEMORY}`,
    `-max_len=${MAX_LENGTH}`,
    `-artifact_prefix=${finds}${path.sep}`,
    '-print_final_stats=1',
    ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
  ];
  const child = spawn('nice', ['-n', NICENESS, path.join(folder, target), ...options, corpus, seeds], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: TEMPORARY },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      writeFileSync(path.join(__dirname, 'corpus', `${target}.log`), log);
      const isNew = (file) => !before.has(file);
      resolve(figures(target, log, status, corpus, readdirSync(finds).filter(isNew)));
    });
  });
}

function figures(target, log, status, corpus, finds) {
  const number = (pattern) => Number(lastMatch(log, pattern)?.[1] ?? 0);
  return {
    target,
    executions: number(/stat::number_of_executed_units:\s+(\d+)/g),
    perSecond: number(/stat::average_exec_per_sec:\s+(\d+)/g),
    peakMegabytes: number(/stat::peak_rss_mb:\s+(\d+)/g),
    coverage: number(/ cov: (\d+)/g),
    features: number(/ ft: (\d+)/g),
    corpus: readdirSync(corpus).length,
    finds: finds.length > 0 || status === 0 ? finds : [`ended with status ${status}`],
  };
}

function lastMatch(text, pattern) {
  return [...text.matchAll(pattern)].at(-1);
}

function report(results, minutes) {
  const sorted = [...results].sort((one, other) => one.target.localeCompare(other.target));
  const columns = ['executions', 'perSecond', 'coverage', 'features', 'corpus', 'peakMegabytes'];
  console.table(
    Object.fromEntries(sorted.map((row) => [row.target, { ...pick(row, columns), finds: row.finds.length }])),
  );
  for (const { target, finds } of sorted.filter((row) => row.finds.length > 0)) {
    console.log(`${target} found: ${finds.join(', ')}`);
  }
  const content = { date: new Date().toISOString(), minutes, targets: sorted };
  writeFileSync(path.join(__dirname, 'results.json'), `${JSON.stringify(content, null, 2)}\n`);
}

function pick(object, names) {
  return Object.fromEntries(names.map((name) => [name, object[name]]));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
