'use strict';

// Loads the addon. Where it cannot be loaded, the error says which binary is missing or what is wrong with it, and what
// to do.

const Module = require('node:module');
const path = require('node:path');

/** The name of the package in each platform's binary package. */
const NAME = 'acebase-ipc-server';

/** The platforms that there are packages with a binary for, each named by the end of its package's name. */
const PACKAGED = [
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
];

/**
 * The addon's exports.
 * @returns {typeof import('../native.js')}
 * @throws {Error} With code `ERR_IPC_NO_BINARY` where there is no binary, or none that can be loaded.
 */
function loadNative() {
  try {
    return require('../native.js');
  } catch (cause) {
    throw noBinary(cause);
  }
}

/** The path of the addon's file; `undefined` where it was not loaded from one by Node.js's own means. */
function nativeFile() {
  const addon = loadNative();
  const loaded = Object.values(Module._cache).find(
    (module) => module?.exports === addon && module.filename?.endsWith('.node'),
  );
  return loaded?.filename;
}

function noBinary(cause) {
  const error = new Error(explain(cause), { cause });
  return Object.assign(error, { code: 'ERR_IPC_NO_BINARY' });
}

function explain(cause) {
  const platform = platformName();
  const unloadable = reasons(cause).find((reason) => !isAbsence(reason));
  if (unloadable) {
    return (
      `The binary of acebase-ipc-server for this platform (${platform}) cannot be loaded: ${firstLine(unloadable)}. ` +
      `It may be of another system or damaged: delete node_modules and install again on this machine. ${buildAdvice()}`
    );
  }
  if (isBundled()) {
    return (
      `The binary of acebase-ipc-server for this platform (${platform}) is not there: this package is a part of a bundle, which ` +
      `does not have it. Leave the package out of the bundle (external: ['acebase-ipc-server']), and install it beside.`
    );
  }
  if (PACKAGED.includes(platform)) {
    return (
      `The binary of acebase-ipc-server for this platform (${platform}) is not installed: it is the optional dependency ` +
      `${NAME}-${platform}. Optional dependencies were left out (--omit=optional, --no-optional), or node_modules or the ` +
      `lock file come from another system. Run: npm install --include=optional. ${buildAdvice()}`
    );
  }
  return `acebase-ipc-server has no binary for this platform (${platform}). ${buildAdvice()}`;
}

/** Whether a bundler has put this file into another one. */
function isBundled() {
  return path.basename(__filename) !== 'native.js';
}

/** What went wrong at each place where a binary may be. */
function reasons(error) {
  const found = [];
  for (let one = error; one && found.length < 100; one = one.cause) {
    found.push(one);
  }
  // The first sums the others up.
  return found.slice(1);
}

function isAbsence({ message }) {
  return /cannot find (module|package)|unsupported (architecture|os)|^wasi binding/i.test(message);
}

function firstLine({ message }) {
  return message.split('\n')[0].replace(/\.$/, '');
}

function buildAdvice() {
  const folder = path.dirname(__dirname);
  return `To build it from the sources in the package, install Rust (https://rustup.rs) and run: npm --prefix "${folder}" run build`;
}

/** As the packages are named: `linux-x64-gnu` and the like. */
function platformName() {
  const parts = [process.platform, process.arch];
  if (process.platform === 'linux') {
    parts.push(process.report?.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl');
  } else if (process.platform === 'win32') {
    parts.push('msvc');
  }
  return parts.join('-');
}

module.exports = { loadNative, nativeFile, PACKAGED };
