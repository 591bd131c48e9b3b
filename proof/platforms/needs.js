'use strict';

// What must be on the machine, all of it from Debian's packages. What Python's and Node.js's registries have is fetched
// without asking (see fetch.js).

const { existsSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const path = require('node:path');

const { Compiler, Runner } = require('./targets.js');

/** Where Debian puts what the `-web` packages of Rust bring. */
const DEBIAN_RUST = '/usr/bin';

const RUST = { packages: ['rustc-web', 'cargo-web', 'rust-web-src'], isThere: () => toolchain() !== undefined };
const OBJCOPY = {
  packages: ['rust-web-llvm'],
  isThere: () => existsSync(path.join(toolchain()?.tools ?? '', 'rust-objcopy')),
};
const PIP = { packages: ['python3-venv'], isThere: () => runs('python3', '-m', 'venv', '--help') };
const OPENSSL = { packages: ['openssl'], isThere: () => runs('openssl', 'version') };

const OF_COMPILER = {
  [Compiler.ZIG]: [],
  [Compiler.MINGW]: [
    { packages: ['gcc-mingw-w64-x86-64'], isThere: () => runs('x86_64-w64-mingw32-gcc', '--version') },
  ],
};

const QEMU = { packages: ['qemu-user-static'], isThere: () => runs('qemu-aarch64-static', '--version') };

const OF_RUNNER = {
  [Runner.HERE]: [],
  [Runner.MUSL]: [{ packages: ['musl'], isThere: () => existsSync('/lib/ld-musl-x86_64.so.1') }],
  [Runner.QEMU]: [
    QEMU,
    { packages: ['libc6-arm64-cross'], isThere: () => existsSync('/usr/aarch64-linux-gnu/lib/libc.so.6') },
    { packages: ['libstdc++6-arm64-cross'], isThere: () => existsSync('/usr/aarch64-linux-gnu/lib/libstdc++.so.6') },
  ],
  [Runner.QEMU_MUSL]: [QEMU, { packages: ['apt'], isThere: () => runs('apt-get', '--version') }],
  [Runner.WINE]: [{ packages: ['wine64'], isThere: () => existsSync('/usr/lib/wine/wine64') }],
  [Runner.NONE]: [],
};

/** The Debian packages that these targets need and that are not there. */
function missingPackages(targets) {
  const needs = [RUST, PIP, OPENSSL];
  for (const { compiler, runner, name } of targets) {
    needs.push(...OF_COMPILER[compiler], ...OF_RUNNER[runner], ...(name.startsWith('darwin') ? [OBJCOPY] : []));
  }
  const missing = needs.filter((need) => !need.isThere()).flatMap(({ packages }) => packages);
  return [...new Set(missing)];
}

/**
 * A compiler that has the sources of Rust's library: with these it can be compiled for any target. rustup's with the
 * component `rust-src`, or Debian's.
 * @returns {{ rustc: string, cargo: string, tools: string } | undefined}
 */
function toolchain() {
  for (const folder of ['', DEBIAN_RUST]) {
    const rustc = path.join(folder, 'rustc');
    const printed = spawnSync(rustc, ['--print', 'sysroot'], { encoding: 'utf8' });
    const sysroot = printed.stdout?.trim();
    if (printed.status === 0 && existsSync(path.join(sysroot, 'lib/rustlib/src/rust/library/std/Cargo.toml'))) {
      const tools = path.join(sysroot, 'lib/rustlib/x86_64-unknown-linux-gnu/bin');
      return { rustc, cargo: path.join(folder, 'cargo'), tools };
    }
  }
  return undefined;
}

function runs(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

module.exports = { missingPackages, toolchain };
