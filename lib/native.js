'use strict';

// Loads the addon. Where it cannot be loaded, the error says which binary is missing and how to build it.

/**
 * The addon's exports.
 * @returns {typeof import('../native.js')}
 * @throws {Error} With code `ERR_IPC_NO_BINARY` where this platform has no binary that can be loaded.
 */
function loadNative() {
  try {
    return require('../native.js');
  } catch (cause) {
    throw noBinary(cause);
  }
}

function noBinary(cause) {
  const folder = require('node:path').dirname(__dirname);
  const error = new Error(
    `acebase-ipc-server has no binary for this platform (${platformName()}). ` +
      `To build it from the sources in the package, install Rust (https://rustup.rs) and run: npm --prefix "${folder}" run build`,
    { cause },
  );
  return Object.assign(error, { code: 'ERR_IPC_NO_BINARY' });
}

/** `linux-x64-glibc` and the like. */
function platformName() {
  const parts = [process.platform, process.arch];
  if (process.platform === 'linux') {
    parts.push(process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl');
  }
  return parts.join('-');
}

module.exports = { loadNative };
