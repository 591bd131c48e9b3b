'use strict';

// Processes with the client of this package. With CLIENT=published they have the published one instead: each test here
// that says so in its name must fail then.

const path = require('node:path');

const PRELOAD = path.join(__dirname, '..', '..', 'cluster', 'support', 'with-client.js');

/** Loads the client before everything else. */
const PRELOADED = process.env.CLIENT === 'published' ? [] : ['-r', PRELOAD];

/** The environment of database processes. */
const ENV = PRELOADED.length > 0 ? { NODE_OPTIONS: PRELOADED.join(' ') } : {};

module.exports = { ENV, PRELOADED };
