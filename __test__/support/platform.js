'use strict';

// What only some systems have.

/** Why tests that look into /proc cannot run here; `false` if they can. */
const noProc = process.platform === 'linux' ? false : 'it looks into /proc';

module.exports = { noProc };
