'use strict';

// What happens to hubs, Redis and the network between them while a cluster works, each with where it plays. A
// scenario's `strike` resolves when the fault is over.

const { sleep } = require('../../__test__/cluster/support/wait.js');
const { HUB_MACHINES, REDIS_MACHINE, startApart, startHere, startWatched } = require('./worlds.js');

/** How long a hub that was killed, or has left, is away, in milliseconds. */
const ABSENCE = 2000;

/** How long a hub stands still, and how long the network is split, in milliseconds. */
const STANDSTILL = 30_000;
const SPLIT = 20_000;

/** How long Sentinels may take to name another Redis, in milliseconds. */
const FAILOVER = 10_000;

/** The next one of a list, each time. */
function inTurn(list) {
  let next = 0;
  return () => list[next++ % list.length];
}

/** Each hub in turn is killed, and comes back. */
function kills({ hubs }) {
  const next = inTurn(hubs);
  return async () => {
    const hub = next();
    await hub.kill();
    await sleep(ABSENCE);
    await hub.start();
  };
}

/** Each hub in turn leaves in order, and comes back: as a new version is brought out. */
function upgrade({ hubs }) {
  const next = inTurn(hubs);
  return async () => {
    const hub = next();
    await hub.stop();
    await sleep(ABSENCE);
    await hub.start();
  };
}

/** The owner stands still, is replaced, and goes on. */
function standstill(world) {
  return async () => {
    const owner = await world.owner();
    await owner.pause();
    await sleep(STANDSTILL);
    owner.resume();
  };
}

/** Redis is killed, and back without its memory. */
function redisAway(duration) {
  return ({ redis }) =>
    async () => {
      await redis.kill();
      await sleep(duration);
      await redis.start();
    };
}

/** Redis is killed, and its replica takes its place. */
function failover({ primary }) {
  return async () => {
    await primary.kill();
    await sleep(FAILOVER);
  };
}

/** The replica has not heard of the last change of owners when it takes Redis's place. */
function forgetful(world) {
  const { primary, replica } = world;
  return async () => {
    const owner = await world.owner();
    replica.pause();
    await owner.kill();
    await world.nextOwner(owner);
    await primary.kill();
    replica.resume();
    await sleep(FAILOVER);
    await owner.start();
  };
}

/**
 * Machines are cut off from each other. `sides`: of the machine that has the owner, and those of the others; and whose
 * processes do not reach the owner, for longer than a session is kept, and a new owner waits for anybody: they miss
 * events.
 */
function split(sides) {
  return (world) => async () => {
    const owner = world.hubs.indexOf(await world.owner()) + 1;
    const others = HUB_MACHINES.filter((machine) => machine !== owner);
    const [some, rest, cutOff = []] = sides(owner, others);
    world.network.split(some, rest);
    await sleep(SPLIT);
    world.network.heal(some, rest);
    return world.processesAt(cutOff);
  };
}

/**
 * @typedef {object} Scenario
 * @property {string} what
 * @property {(t: object) => Promise<object>} start The world that it plays in.
 * @property {(world: object) => () => Promise<string[] | void>} plan Its `strike`, as of `endure`.
 * @property {number} [every] How long all is well in between, in milliseconds.
 * @property {boolean} [isLong] It goes on for as long as the command says.
 * @property {number} [times] How often others happen, if not once.
 */

/** @type {Record<string, Scenario>} */
const SCENARIOS = {
  kills: {
    what: 'each hub in turn is killed every 20 s, and back 2 s later',
    start: startHere,
    plan: kills,
    every: 18_000,
    isLong: true,
  },
  upgrade: { what: 'each hub in turn gets SIGTERM, and is back 2 s later', start: startHere, plan: upgrade, times: 3 },
  standstill: { what: 'the owner stands still for 30 s, and goes on', start: startHere, plan: standstill },
  'redis-1': { what: 'Redis is killed for 1 s, and has forgotten all', start: startHere, plan: redisAway(1000) },
  'redis-10': { what: 'Redis is killed for 10 s, and has forgotten all', start: startHere, plan: redisAway(10_000) },
  'redis-60': { what: 'Redis is killed for 60 s, and has forgotten all', start: startHere, plan: redisAway(60_000) },
  failover: { what: 'Redis is killed, and Sentinels name its replica', start: startWatched, plan: failover },
  forgetful: {
    what: 'the owner is killed, then Redis, whose replica has not heard of the next owner',
    start: startWatched,
    plan: forgetful,
  },
  'split-owner': {
    what: "the owner's machine is cut off from all others for 20 s",
    start: startApart,
    plan: split((owner, others) => [[owner], [...others, REDIS_MACHINE], [owner]]),
  },
  'split-redis': {
    what: "the owner's machine is cut off from Redis alone for 20 s",
    start: startApart,
    plan: split((owner) => [[owner], [REDIS_MACHINE]]),
  },
  'split-hubs': {
    what: "the owner's machine is cut off from other hubs, but not from Redis, for 20 s",
    start: startApart,
    plan: split((owner, others) => [[owner], others, others]),
  },
  'split-relay': {
    what: 'the machine of a hub that relays is cut off from all others for 20 s',
    start: startApart,
    plan: split((owner, [first, ...others]) => [[first], [owner, ...others, REDIS_MACHINE], [first]]),
  },
};

module.exports = { SCENARIOS };
