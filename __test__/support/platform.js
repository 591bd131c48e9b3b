'use strict';

// What only some systems have: for each, why tests that need it cannot run here; `false` if they can.

const { spawnSync } = require('node:child_process');

const isWindows = process.platform === 'win32';

/** Tests that look into /proc. */
const noProc = process.platform !== 'linux' && 'it looks into /proc';

/** Tests that end a process in order by a signal, or let it stand still. */
const noSignals = isWindows && 'on Windows a signal of another process ends a process at once';

/** Tests of what a server leaves to the next one. */
const noKeeper = isWindows && 'on Windows a port and its connections cannot be left to another process';

/** Tests of connections that outlive a crash. */
const noSurvival = process.platform !== 'linux' && 'connections outlive a crash on Linux only';

/** Tests that run scripts of a shell, or what npm installs as one. */
const noShell = isWindows && 'it needs a shell and links as Unix has them';

/** Tests that make certificates. */
const noOpenssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status !== 0 && 'there is no openssl command';

module.exports = { noKeeper, noOpenssl, noProc, noShell, noSignals, noSurvival };
