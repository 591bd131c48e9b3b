'use strict';

// All faults, each with what is promised for it.

const clients = require('./clients.js');
const clock = require('./clock.js');
const disk = require('./disk.js');
const network = require('./network.js');
const vanishing = require('./vanishing.js');

/**
 * @typedef {object} Scenario
 * @property {string} fault
 * @property {string} promise
 * @property {(t: import('node:test').TestContext) => Promise<string>} run Resolves with what was seen, and is rejected
 *   where the promise was not kept.
 * @property {string | false} [skip] Of a quick one: why it cannot be had here.
 * @property {boolean} [isQuick] Takes less than ten seconds, and needs neither root nor another network.
 */

/** @type {Scenario[]} */
const SCENARIOS = [
  ...network.SCENARIOS,
  ...vanishing.SCENARIOS,
  ...clients.SCENARIOS,
  ...disk.SCENARIOS,
  ...clock.SCENARIOS,
];

module.exports = { SCENARIOS };
