'use strict';

// What happens to hubs, Redis and the network between them while a cluster works, each with where it plays. A
// scenario's `strike` resolves when the fault is over.

const assert = require('node:assert/strict');

const { sleep, until } = require('../../__test__/cluster/support/wait.js');
const { noWrongClock } = require('../wrong-clock.js');
const { noRedisClock } = require('./redis-clock.js');
const { HUB_MACHINES, REDIS_MACHINE, startApart, startHere, startWatched, startWithClocks } = require('./worlds.js');

/** How long a hub that was killed, or has left, is away, in milliseconds. */
const ABSENCE = 2000;

/** How long a hub stands still, and how long the network is split, in milliseconds. */
const STANDSTILL = 30_000;
const SPLIT = 20_000;

/** How long a clock is wrong, in milliseconds: for longer than a lease lasts, and a session without a connection. */
const WRONG = 15_000;

/** By how much a clock is wrong, in seconds: one hour, the one way and the other. */
const OFFSETS = [3600, -3600];

/** How far apart two clocks of one machine may seem to be that are right, in milliseconds. */
const AGREEMENT = 60_000;

/** How long a hub that has started may take to be ready for clients, in milliseconds. */
const READY_LIMIT = 10_000;

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

/**
 * Each hub in turn leaves in order, and comes back, as a new version is brought out: one at a time, and the next one
 * only when this one is ready for clients. Who has the database leaves it to another one, with all it has in memory.
 */
function upgrade(world) {
  const next = inTurn(world.hubs);
  return async () => {
    const hub = next();
    const isOwner = (await world.owner()) === hub;
    await hub.stop();
    assert.deepEqual(hub.exit, { code: 0, signal: null }, hub.words);
    if (isOwner) {
      assert.match(hub.words, /with what this one had in memory/, `${hub.name} has not handed its database over`);
      await world.nextOwner(hub);
    }
    await sleep(ABSENCE);
    await hub.start();
    await until(`${hub.name} to be ready`, READY_LIMIT, async () => (await hub.ask('GET /readyz')).status === 200);
  };
}

/** The clock of the owner's host is wrong for a while: it is fast first, and slow the next time. */
function clockOfOwner(world) {
  const next = inTurn(OFFSETS);
  return async () => {
    const owner = await world.owner();
    await beWrong(world.clockOf(owner), next(), () => timeOfHub(owner));
  };
}

/** As `clockOfOwner`, for Redis, which counts the time of its records by that clock. */
function clockOfRedis({ redis, clocks }) {
  const next = inTurn(OFFSETS);
  return () => beWrong(clocks.redis, next(), () => redis.time());
}

async function beWrong(clock, seconds, tell) {
  clock.set(withSign(seconds));
  await assertTime(tell, seconds);
  await sleep(WRONG);
  clock.set(withSign(0));
  await assertTime(tell, 0);
}

/** The owner is killed, and Redis's clock set back, so that the record of the dead one seems to be good for an hour. */
function clockOfRedisAndDeath(world) {
  return async () => {
    const owner = await world.owner();
    await owner.kill();
    world.clocks.redis.set(withSign(-3600));
    await assertTime(() => world.redis.time(), -3600);
    await world.nextOwner(owner);
    await owner.start();
  };
}

function withSign(seconds) {
  return seconds < 0 ? String(seconds) : `+${seconds}`;
}

/** What time it is for a hub, in milliseconds since 1970. */
async function timeOfHub(hub) {
  const { server } = await hub.status();
  return server.now;
}

/** The clock is as wrong as it was set to be: else the scenario shows nothing. */
async function assertTime(tell, seconds) {
  const offset = (await tell()) - Date.now();
  assert.ok(Math.abs(offset - seconds * 1000) < AGREEMENT, `the clock is wrong by ${offset} ms, not by ${seconds} s`);
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
 * @property {string | false} [skip] Why it cannot be played here.
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
  upgrade: {
    what: 'each hub in turn gets SIGTERM, is back 2 s later, and ready before the next one',
    start: startHere,
    plan: upgrade,
    times: 3,
  },
  'clock-owner': {
    what: "the clock of the owner's host is an hour fast for 15 s, then an hour slow",
    start: startWithClocks,
    plan: clockOfOwner,
    skip: noWrongClock || noRedisClock,
    times: 2,
  },
  'clock-redis': {
    what: "Redis's clock is an hour fast for 15 s, then an hour slow",
    start: startWithClocks,
    plan: clockOfRedis,
    skip: noWrongClock || noRedisClock,
    times: 2,
  },
  'clock-death': {
    what: "the owner is killed, and Redis's clock set back by an hour",
    start: startWithClocks,
    plan: clockOfRedisAndDeath,
    skip: noWrongClock || noRedisClock,
  },
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
