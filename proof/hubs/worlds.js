'use strict';

// Where the scenarios play: hubs, a Redis, and processes of a database, on this machine or on several that can be cut
// off from each other.

const { prepareCluster } = require('../../__test__/cluster/support/cluster.js');
const { ENV } = require('../../__test__/client/support/client.js');
const { CLIENT_SETTINGS } = require('../../__test__/client/support/ordeal.js');
const { give, nextOwner, ownerOf, startHubs } = require('../../__test__/hubs/support/hubs.js');
const { hubFor, prepareSpreadWithClient } = require('../../__test__/hubs/support/spread.js');
const { startRedis, startWatchedRedis } = require('../../__test__/support/redis.js');
const { settableClock } = require('../wrong-clock.js');
const { layNetwork } = require('./network.js');
const { redisClock } = require('./redis-clock.js');

/** A hub that is started by this tells all of its log where the run hears it, not only warnings and errors. */
const AUDIBLE = ['sh', '-c', 'exec "$@" 1>&2', 'hub'];

/** Where hubs listen that have an address of their own. */
const PORT = 9163;

/** Machines: three with a hub and processes each, numbered from 1, and one with the Redis. */
const HUB_MACHINES = [1, 2, 3];
const REDIS_MACHINE = 4;

/**
 * @typedef {{ set(offset: string): void }} Clock A wall clock that can be set.
 * @typedef {{ hubs: Clock[], redis: Clock }} Clocks Of each hub, in their order.
 */

class World {
  /**
   * @param {{ hubs: object[], cluster: object, redis?: object, clocks?: Clocks, network?: object, machineOf?: (name:
   *   string) => number }} parts `machineOf`: where a process is.
   */
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** The hub that has the database, as all say. */
  async owner() {
    const name = await ownerOf(this.hubs, this.cluster.hubName);
    return this.hubs.find((hub) => hub.name === name);
  }

  /** The hub that has it after this one. */
  async nextOwner(former) {
    const name = await nextOwner(this.others(former), this.cluster.hubName, former);
    return this.hubs.find((hub) => hub.name === name);
  }

  /** The clock of a hub. */
  clockOf(hub) {
    return this.clocks.hubs[this.hubs.indexOf(hub)];
  }

  /** The names of the processes on these machines. */
  processesAt(machines) {
    const names = this.cluster.processes.map(({ name }) => name);
    return names.filter((name) => machines.includes(this.machineOf(name)));
  }

  /** All hubs but this one. */
  others(hub) {
    return this.hubs.filter((other) => other !== hub);
  }
}

/** Three hubs, a Redis, and a cluster whose processes all have the client, each beginning with another hub. */
async function startHere(t) {
  const redis = await startRedis(t);
  return inhabit(t, redis.url, { redis });
}

/** The same with a Redis, a replica of it, and Sentinels. */
async function startWatched(t) {
  const { url, ...redis } = await startWatchedRedis(t);
  return inhabit(t, url, redis);
}

/** As `startHere`, and the clocks of each hub and of Redis can be set. */
async function startWithClocks(t) {
  const clocks = { hubs: HUB_MACHINES.map(() => settableClock(t)), redis: redisClock(t) };
  const redis = await startRedis(t, { env: clocks.redis.env });
  return inhabit(t, redis.url, { redis, clocks }, { placeOf: (number) => ({ env: clocks.hubs[number - 1].env }) });
}

async function inhabit(t, url, parts, settings) {
  const hubs = await startHubs(t, url, { launcher: AUDIBLE, ...settings });
  const cluster = prepareSpreadWithClient(t, hubs);
  await give(hubs[0], cluster.hubName);
  return new World({ hubs, cluster, ...parts });
}

/** As `startHere`, each hub on a machine of its own, whose processes know it alone. */
async function startApart(t) {
  const network = await layNetwork(t, REDIS_MACHINE);
  const placeOf = (machine) => ({ host: network.address(machine), launcher: network.launcher(machine) });
  const redis = await startRedis(t, placeOf(REDIS_MACHINE));
  const hubs = await startHubs(t, redis.url, { placeOf: (number) => ({ port: PORT, ...placeOf(number) }) });
  // The master is not where the database's hub is.
  const machineOf = (name) => hubs.indexOf(hubFor([hubs[1], hubs[2], hubs[0]], name)) + 1;
  const cluster = prepareCluster(t, {
    logsLocks: true,
    env: ENV,
    placeOf: (name) => {
      const machine = machineOf(name);
      const ipc = { ...CLIENT_SETTINGS, host: network.address(machine), port: PORT };
      return { ipc, launcher: network.launcher(machine) };
    },
  });
  await give(hubs[0], cluster.hubName);
  return new World({ hubs, cluster, redis, network, machineOf });
}

module.exports = { HUB_MACHINES, REDIS_MACHINE, startApart, startHere, startWatched, startWithClocks };
