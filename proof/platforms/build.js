'use strict';

// Compiles the addon for a target, with Rust's library, whose binaries Debian has for this machine only. Without the
// optimisations of a release: it is tried here, not measured.

const { copyFileSync, mkdirSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { must } = require('./command.js');
const { toolchain } = require('./needs.js');
const { addonOf, inWork, PYTHON, ROOT } = require('./places.js');
const { Compiler } = require('./targets.js');

const QUICK = {
  CARGO_PROFILE_RELEASE_LTO: 'off',
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
  CARGO_PROFILE_RELEASE_OPT_LEVEL: '1',
};

/** Lets a stable compiler build its own library. */
const WITH_LIBRARY = { RUSTC_BOOTSTRAP: '1', CARGO_UNSTABLE_BUILD_STD: 'std,panic_unwind' };

/**
 * Compiles and links, and puts the addon where it is looked for.
 * @param {import('./targets.js').Target} target
 * @throws {Error} With what the compiler said.
 */
function build(target) {
  const { rustc, cargo, tools } = toolchain();
  const commands = [path.join(PYTHON, 'bin'), tools, process.env.PATH].join(path.delimiter);
  const env = {
    ...process.env,
    ...QUICK,
    ...WITH_LIBRARY,
    ...special(target),
    PATH: commands,
    RUSTC: rustc,
    CARGO: cargo,
  };
  const [command, ...args] = commandFor(target, cargo);
  const folder = inWork('build');
  const rest = ['--release', '--lib', '--locked', '--target', target.built ?? target.target, '--target-dir', folder];
  must(command, [...args, ...rest], { cwd: ROOT, env });
  // zigbuild takes the version of glibc off again.
  const [triple] = (target.built ?? target.target).split('.');
  copyFileSync(path.join(folder, triple, 'release', target.file), addonOf(target));
}

function commandFor({ compiler }, cargo) {
  return compiler === Compiler.ZIG
    ? ['cargo-zigbuild', 'zigbuild', '--features', 'node']
    : // As the released one, this addon looks for Node.js's functions when it is loaded.
      [cargo, 'build', '--features', 'node,napi/dyn-symbols'];
}

/** What one target needs beyond the others. */
function special({ target, compiler }) {
  if (target.includes('musl')) {
    // A library that a program loads cannot bring a libc of its own.
    return { RUSTFLAGS: '-C target-feature=-crt-static' };
  }
  return compiler === Compiler.MINGW ? { LIBNODE_PATH: emptyNodeLibrary() } : {};
}

/** napi-build asks for a libnode.dll. Nothing is taken from it. */
function emptyNodeLibrary() {
  const folder = inWork('libnode');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'libnode.dll'), '');
  must('x86_64-w64-mingw32-ar', ['rc', path.join(folder, 'libnode.dll.a')]);
  return folder;
}

module.exports = { build };
