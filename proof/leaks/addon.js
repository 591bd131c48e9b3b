'use strict';

// Builds of the addon for checkers, beside the one that is released: that one does not name its functions.

const { spawnSync } = require('node:child_process');
const { copyFileSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const { asanBuild, hostTarget, ROOT } = require('./rust.js');

/**
 * Builds, lets `use` have an environment in which Node.js loads that build, and cleans up.
 * @template T
 * @param {{ args: string[], env: object }} build
 * @param {(env: object) => T} use
 */
function withAddon({ args, env }, use) {
  const folder = mkdtempSync(path.join(tmpdir(), 'acebase-ipc-addon-'));
  try {
    // Node.js takes a file for an addon by its ending.
    const addon = path.join(folder, 'checked.node');
    copyFileSync(library(args, env), addon);
    // The addon's loader takes another file where this variable names one.
    return use({ ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: addon });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As released, but with symbols. */
const WITH_SYMBOLS = { args: ['build', '--profile', 'profiling'], env: {} };

/** With AddressSanitizer, whose runtime is not in it: Node.js must be started with that. */
function withAsan() {
  return { args: ['+nightly', 'build', '--target', hostTarget()], env: asanBuild() };
}

function library(args, env) {
  const all = [...args, '--lib', '--features', 'node', '--message-format', 'json-render-diagnostics'];
  const { status, stdout } = spawnSync('cargo', all, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: Infinity,
  });
  if (status !== 0) {
    throw new Error('the addon could not be built; the compiler says above why');
  }
  const files = stdout
    .trim()
    .split('\n')
    .flatMap((line) => JSON.parse(line).filenames ?? []);
  return files.find((file) => /acebase_ipc_server\.(so|dylib)$/.test(file));
}

module.exports = { WITH_SYMBOLS, withAddon, withAsan };
