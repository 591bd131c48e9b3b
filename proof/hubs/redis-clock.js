'use strict';

// Redis with a wall clock that can be set. Its allocator asks for the time while it begins, which libfaketime does not
// stand; so the few lines of `wall-clock.c` are compiled, and stand between it and its clock.

const { execFileSync, spawnSync } = require('node:child_process');
const path = require('node:path');
const { renameSync, writeFileSync } = require('node:fs');

const { deferFolder } = require('../../__test__/cluster/support/scope.js');

/** Why the clock of Redis cannot be set here; `false` if it can. */
const noRedisClock =
  (process.platform !== 'linux' || spawnSync('cc', ['--version']).status !== 0) &&
  'on Linux with a C compiler only (apt-get install gcc)';

/**
 * @param {{ after(action: () => unknown): void }} t It goes with this.
 * @returns {{ env: Record<string, string>, set(offset: string): void }} As `settableClock`.
 */
function redisClock(t) {
  const folder = deferFolder(t, 'clock');
  const [file, next, library] = ['clock', 'next', 'wall-clock.so'].map((name) => path.join(folder, name));
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, path.join(__dirname, 'wall-clock.c')]);
  const set = (offset) => {
    writeFileSync(next, `${offset}\n`);
    renameSync(next, file);
  };
  set('+0');
  return { env: { LD_PRELOAD: library, WALL_CLOCK: file }, set };
}

module.exports = { noRedisClock, redisClock };
