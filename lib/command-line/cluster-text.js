'use strict';

// What a report says of other hubs, as lines of text for a terminal. Pure.

const { printable } = require('../printable.js');
const words = require('../words.js');

/** How many databases are listed by name; `/status.json` has all. */
const MAX_LISTED = 20;

/**
 * @param {object} [cluster] Of a report; absent where the server is the only hub.
 * @returns {string[]}
 */
function clusterLines(cluster) {
  if (!cluster) {
    return [];
  }
  const { name, hubs, engine, relayed, databases } = cluster;
  const places = hubs.map((hub) => `${hub.name === hub.address ? '' : `${hub.name} at `}${hub.address}`);
  const elsewhere = databases.filter(({ state }) => state !== 'here');
  return [
    `Hub ${name} of ${words.counted(hubs.length, 'hub')}: ${places.join(', ')}`,
    `Engine ${words.engine(engine)}, ${words.counted(relayed, 'client')} relayed`,
    ...elsewhere.slice(0, MAX_LISTED).map(databaseLine),
    ...(elsewhere.length > MAX_LISTED ? [`  and ${elsewhere.length - MAX_LISTED} more`] : []),
  ].map(printable);
}

function databaseLine({ db, owner, state }) {
  return `  ${db}: ${owner ? `at ${owner}` : words.nobody(state)}`;
}

/** Where a client comes from, and by which other hub. */
function from({ remote, via }) {
  return `${remote ?? ''}${via ? ` via ${via}` : ''}`;
}

module.exports = { clusterLines, from };
