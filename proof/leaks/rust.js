'use strict';

// The Rust tests under checkers that only the nightly compiler has: AddressSanitizer with LeakSanitizer, and Miri.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
/** The layers that Miri can run: no sockets, no threads of the system's, no cryptography in other languages. */
const PURE_LAYERS = ['protocol::', 'hub::', 'coordination::'];
/**
 * Their tests that take Miri hours: they try thousands of interleavings, and are run as they are by everything else.
 */
const TOO_LONG_FOR_MIRI = ['model'];

/** Why a checker cannot run here, or `undefined`. */
function whyNoAsan() {
  return isThere('rustc', '--version') ? undefined : 'install the nightly compiler: rustup toolchain install nightly';
}

/** As {@link whyNoAsan}. */
function whyNoMiri() {
  return isThere('cargo', 'miri', '--version')
    ? undefined
    : 'install Miri: rustup component add --toolchain nightly miri rust-src';
}

function isThere(tool, ...args) {
  return spawnSync(tool, ['+nightly', ...args], { stdio: 'ignore' }).status === 0;
}

/** All tests under AddressSanitizer; leaks count when they end. */
function testWithAsan() {
  return cargo(['test', '--lib', '--target', hostTarget()], { ...asanBuild(), ASAN_OPTIONS: 'detect_leaks=1' });
}

/** The tests of the pure layers under Miri. */
function testWithMiri() {
  const skipped = TOO_LONG_FOR_MIRI.flatMap((name) => ['--skip', name]);
  // Isolation is off for the clock only.
  return cargo(['miri', 'test', '--lib', '--', ...PURE_LAYERS, ...skipped], {
    MIRIFLAGS: '-Zmiri-disable-isolation',
    PROPTEST_CASES: '4',
  });
}

/** The environment of a build with AddressSanitizer: apart from others, whose work it would throw away. */
function asanBuild() {
  const folder = process.env.ASAN_TARGET_DIR ?? path.join(ROOT, 'target', 'asan');
  return { RUSTFLAGS: '-Zsanitizer=address', CARGO_TARGET_DIR: folder };
}

/**
 * The system's name as Rust has it: a sanitizer must not get into build scripts, and does not where a target is named.
 */
function hostTarget() {
  const { stdout } = spawnSync('rustc', ['-vV'], { encoding: 'utf8' });
  return stdout.match(/^host: (.*)$/m)[1];
}

function cargo(args, env) {
  const { status, stdout, stderr } = spawnSync('cargo', ['+nightly', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: Infinity,
  });
  return { isGood: status === 0, output: stdout + stderr, passed: Number(stdout.match(/(\d+) passed/)?.[1] ?? 0) };
}

module.exports = { asanBuild, hostTarget, ROOT, testWithAsan, testWithMiri, whyNoAsan, whyNoMiri };
