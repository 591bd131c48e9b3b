'use strict';

// The load generator: builds it, runs it, and tells a broken promise of the server from a run that could not be made.

const { execFile, spawnSync } = require('node:child_process');
const path = require('node:path');

const crate = path.join(__dirname, '..', 'load');
const binary = path.join(crate, 'target', 'release', 'acebase-ipc-bench');
/** Longest run, in milliseconds: the generator gives up by itself long before. */
const PATIENCE = 120_000;

function buildGenerator() {
  const manifest = path.join(crate, 'Cargo.toml');
  const { status, error } = spawnSync(
    'cargo',
    ['build', '--release', '--locked', '--quiet', '--manifest-path', manifest],
    {
      stdio: 'inherit',
    },
  );
  if (error?.code === 'ENOENT')
    throw new Error('cargo is missing: the load generator is built with Rust (https://rustup.rs)');
  if (status !== 0) throw new Error('the load generator could not be built');
}

/**
 * @param {string[]} args
 * @returns {Promise<object>} the generator's result; with `violation` where a message was lost, doubled or reordered
 */
function generate(args) {
  return new Promise((resolve, reject) => {
    execFile(binary, args, { timeout: PATIENCE }, (error, stdout, stderr) => {
      if (!error || error.code === 1) resolve(JSON.parse(stdout));
      else reject(new Error(stderr.trim() || error.message));
    });
  });
}

module.exports = { buildGenerator, generate };
