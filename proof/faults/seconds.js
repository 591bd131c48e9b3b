'use strict';

// How reports write times.

/** @param {number} milliseconds */
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

module.exports = { seconds };
