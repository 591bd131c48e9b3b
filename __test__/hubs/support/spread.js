'use strict';

// A cluster whose processes are spread over several hubs.

const { prepareCluster } = require('../../cluster/support/cluster.js');
const { HOST } = require('../../cluster/support/hub.js');
const { ENV } = require('../../client/support/client.js');
const { CLIENT_SETTINGS } = require('../../client/support/ordeal.js');
const { LOCK_TIMEOUT } = require('./published.js');

/**
 * Which of some hubs a process of this name goes to: the master to the first one, `worker1` to the next, and so on.
 */
function hubFor(hubs, name) {
  const number = name === 'master' ? 0 : Number(name.match(/\d+$/)?.[0] ?? 0);
  return hubs[number % hubs.length];
}

/** Published clients: each knows one hub only. */
function prepareSpread(t, hubs, settings) {
  const placeOf = (name) => ({ ipc: { host: HOST, port: hubFor(hubs, name).port } });
  return prepareCluster(t, { placeOf, logsLocks: true, lockTimeout: LOCK_TIMEOUT, ...settings });
}

/** Processes with the client of this package: each knows all hubs, and begins with another one. */
function prepareSpreadWithClient(t, hubs, settings) {
  const placeOf = (name) => {
    const first = hubs.indexOf(hubFor(hubs, name));
    const order = [...hubs.slice(first), ...hubs.slice(0, first)];
    return { ipc: { ...CLIENT_SETTINGS, port: hubs[first].port, hosts: order.map(({ address }) => address) } };
  };
  return prepareCluster(t, { placeOf, logsLocks: true, env: ENV, ...settings });
}

module.exports = { hubFor, prepareSpread, prepareSpreadWithClient };
