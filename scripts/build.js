'use strict';

// Builds the addon in release mode, from a clone of the repository or from the sources in the published package.
// Needs Rust; the build tool is the installed @napi-rs/cli, or the one that npx fetches.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const ROOT = path.dirname(__dirname);
const BUILD = ['build', '--platform', '--release', '--features', 'node', '--js', 'native.js', '--dts', 'native.d.ts'];
/** The major version of the build tool that the sources are written for. */
const BUILD_TOOL = '@napi-rs/cli@3';

build();

function build() {
  if (!hasCargo()) {
    fail(
      'Rust is needed to build the addon, and `cargo` was not found: install it from https://rustup.rs, then run this again.',
    );
  }
  // More arguments are handed on: `--target`, `--use-napi-cross`.
  const args = [...BUILD, ...process.argv.slice(2)];
  const installed = findBuildTool();
  const { status, error } = installed
    ? run(process.execPath, [installed, ...args])
    : run('npx', ['--yes', '--package', BUILD_TOOL, 'napi', ...args], { shell: process.platform === 'win32' });
  if (status !== 0) {
    fail(`The addon was not built${error ? `: ${error.message}` : '; the compiler says above why.'}`);
  }
}

function hasCargo() {
  return spawnSync('cargo', ['--version'], { stdio: 'ignore' }).status === 0;
}

function findBuildTool() {
  try {
    const manifest = require.resolve('@napi-rs/cli/package.json', { paths: [ROOT] });
    return path.join(path.dirname(manifest), require(manifest).bin.napi);
  } catch {
    return undefined;
  }
}

function run(command, args, options) {
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
