'use strict';

// The wall clock of one process, which can be set while it runs; its timers go on as ever. By libfaketime, which stands
// between a process and its clock. It may not know what the process is.

const { existsSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { deferFolder } = require('../__test__/cluster/support/scope.js');

/** Where Debian and its kin have the library. */
const LIBRARY = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((triple) => `/usr/lib/${triple}/faketime/libfaketime.so.1`)
  .find((file) => existsSync(file));

/** Why no clock can be set here; `false` if one can. */
const noWrongClock = !LIBRARY && 'libfaketime was not found (apt-get install libfaketime)';

/** The environment of a process whose wall clock is wrong; its timers are not. */
function wrongClock(setting) {
  if (noWrongClock) {
    throw new Error(noWrongClock);
  }
  return { LD_PRELOAD: LIBRARY, DONT_FAKE_MONOTONIC: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', ...setting };
}

/**
 * A clock that is right until it is set.
 * @param {{ after(action: () => unknown): void }} t It goes with this.
 * @returns {{ env: Record<string, string>, set(offset: string): void }} `env`: of the process that goes by it. `set`:
 *   by so many seconds, with a sign.
 */
function settableClock(t) {
  const file = path.join(deferFolder(t, 'clock'), 'clock');
  const set = (offset) => writeFileSync(file, `${offset}\n`);
  set('+0');
  return { env: wrongClock({ FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1' }), set };
}

module.exports = { noWrongClock, settableClock, wrongClock };
