'use strict';

// The platforms that binaries are published for, and how each is tried on Linux x64. The same list as package.json's,
// the release workflow's and the others': a test holds them against each other.

/** What compiles and links. */
const Compiler = {
  /** cargo-zigbuild: zig has the libraries of all these systems. */
  ZIG: 'zig',
  /** GCC for Windows. */
  MINGW: 'mingw',
};

/** What Node.js of the platform runs on. */
const Runner = {
  /** This machine. */
  HERE: 'here',
  /** This machine, with musl's loader. */
  MUSL: 'musl',
  /** An emulated processor. */
  QEMU: 'qemu',
  /** An emulated processor, with musl's loader. */
  QEMU_MUSL: 'qemu and musl',
  /** Wine. */
  WINE: 'wine',
  /** There is nothing for it. */
  NONE: 'none',
};

/**
 * @typedef {object} Target
 * @property {string} target What is released.
 * @property {string} name As its package is named.
 * @property {string} compiler
 * @property {string} [built] What is compiled, where that differs: with the oldest glibc that it shall run on, or what
 *   stands for it.
 * @property {string} file The library that comes out.
 * @property {string} runner
 * @property {string} [wheel] The platform of Node.js's package on PyPI.
 */

/** @type {Target[]} */
const TARGETS = [
  {
    target: 'x86_64-unknown-linux-gnu',
    name: 'linux-x64-gnu',
    compiler: Compiler.ZIG,
    built: 'x86_64-unknown-linux-gnu.2.17',
    file: 'libacebase_ipc_server.so',
    runner: Runner.HERE,
  },
  {
    target: 'aarch64-unknown-linux-gnu',
    name: 'linux-arm64-gnu',
    compiler: Compiler.ZIG,
    built: 'aarch64-unknown-linux-gnu.2.17',
    file: 'libacebase_ipc_server.so',
    runner: Runner.QEMU,
    wheel: 'manylinux2014_aarch64',
  },
  {
    target: 'x86_64-unknown-linux-musl',
    name: 'linux-x64-musl',
    compiler: Compiler.ZIG,
    file: 'libacebase_ipc_server.so',
    runner: Runner.MUSL,
    wheel: 'musllinux_1_2_x86_64',
  },
  {
    target: 'aarch64-unknown-linux-musl',
    name: 'linux-arm64-musl',
    compiler: Compiler.ZIG,
    file: 'libacebase_ipc_server.so',
    runner: Runner.QEMU_MUSL,
    wheel: 'musllinux_1_2_aarch64',
  },
  {
    target: 'x86_64-apple-darwin',
    name: 'darwin-x64',
    compiler: Compiler.ZIG,
    file: 'libacebase_ipc_server.dylib',
    runner: Runner.NONE,
  },
  {
    target: 'aarch64-apple-darwin',
    name: 'darwin-arm64',
    compiler: Compiler.ZIG,
    file: 'libacebase_ipc_server.dylib',
    runner: Runner.NONE,
  },
  {
    target: 'x86_64-pc-windows-msvc',
    name: 'win32-x64-msvc',
    compiler: Compiler.MINGW,
    built: 'x86_64-pc-windows-gnu',
    file: 'acebase_ipc_server.dll',
    runner: Runner.WINE,
    wheel: 'win_amd64',
  },
];

module.exports = { Compiler, Runner, TARGETS };
