'use strict';

// What the hub must bear, judged: each demand is a limit, what was seen, and whether it was kept. Nothing here runs
// anything.

const MIB = 2 ** 20;

/**
 * The most memory, in bytes, that an idle AceBase connection may cost the hub, without the kernel's buffers. A bare
 * connection is held to 2 KiB by the benchmark; a peer that takes part in a cluster also has a session that can be
 * resumed.
 */
const MEMORY_PER_CONNECTION = 5 * 1024;
/** The share of the asked rate of visits that must be reached: the rest is the last visits' own time. */
const RATE_REACHED = 0.99;
/**
 * The longest, in milliseconds, that anybody may wait for a sign of life meanwhile. Real clients give up after ten
 * seconds; a tenth of that leaves room for machines that are slow, or shared.
 */
const LONGEST_WAIT = 1000;
/**
 * How much memory, in bytes, the hub may gain while visitors come and go: less than seventy lost bytes a visit would
 * make in half a minute. More at one time than before take more, and that is kept for the next time.
 */
const GAIN_OF_VISITS = 4 * MIB;
/**
 * How much more memory, in bytes, a second crowd may take than the first one of the same size: what the first left must
 * serve it.
 */
const GAIN_OF_SECOND_CROWD = 1 * MIB;
/**
 * How much memory, in bytes, the hub may still have, above what it began with, when everybody has left. Next to nothing
 * of it is in use: the C library's allocator keeps pages for the next time. The bound is what ten thousand sessions,
 * two thousand handshakes at one time and a thousand outboxes of messages to be acknowledged take together.
 */
const LEFT_BEHIND = 96 * MIB;
/** The longest, in milliseconds, from a broadcast until the last of a thousand has heard it. */
const LAST_HEARD = 1000;
/**
 * How long, in milliseconds, clients may wait for an answer while one hub hands ten thousand connections over to the
 * next. Published clients wait for five seconds: less than half of that, also on a machine that is shared.
 */
const SUCCESSION = 2000;
/** The part of it, in milliseconds, from the start of the next hub's process to its first answer. */
const TAKING_UP = 1000;
/** The share of a processor that the hub may use while it waits for open files: a spin would use all of it. */
const IDLE_LOAD = 0.05;
/** How long, in milliseconds, a hub without open files may take to stop: its flush timeout, and as much again. */
const STOP_TIME = 2000;

/** @returns {Demand[]} */
function judgeIdle({ wanted, connected, atEnd, perConnection, seconds }) {
  return [
    exactly('idle connections', wanted, connected),
    fact('time to connect them', `${seconds.toFixed(1)} s`),
    atMost('memory of each', MEMORY_PER_CONNECTION, Math.round(perConnection), (bytes) => `${number(bytes)} bytes`),
    exactly('of them still answering after all of the below', wanted, atEnd),
  ];
}

/** @returns {Demand[]} */
function judgeVisits({ visits, perSecond, usage, disturbance }) {
  const { total } = visits;
  const calm = usage.slice(Math.floor(usage.length / 2));
  return [
    atLeast('visits a second', Math.round(perSecond * RATE_REACHED), Math.round(visits.perSecond)),
    fact('processors that others used meanwhile', disturbance.toFixed(1)),
    exactly('failed visits', 0, visits.failures.length),
    exactly('messages of visitors heard exactly once', total, visits.heardOnce),
    exactly('arrivals told', total, visits.joined),
    exactly('departures told', total, visits.left),
    atMost('longest wait for a sign of life', LONGEST_WAIT, Math.round(visits.longestWait), milliseconds),
    fact('most visitors at one time', number(visits.mostAtOnce)),
    atMost('memory gained in the second half', GAIN_OF_VISITS, calm.at(-1).memory - calm[0].memory, mebibytes),
    fact('most open files', number(Math.max(...usage.map(({ files }) => files)))),
    exactly('threads gained', 0, Math.max(...usage.map(({ threads }) => threads)) - usage[0].threads),
  ];
}

/** @returns {Demand[]} */
function judgeBroadcast({ receivers, wrong, milliseconds: times }) {
  return [
    exactly(`of ${number(receivers)} receivers, wrong ones`, 0, wrong),
    atMost('longest until the last has heard', LAST_HEARD, Math.round(Math.max(...times)), milliseconds),
    fact('shortest until the last has heard', milliseconds(Math.min(...times))),
  ];
}

/** @returns {Demand[]} */
function judgeLeaving({ start, full, left, again, leftAgain }) {
  return [
    exactly('open files when all have left', start.files, left.files),
    exactly('threads when all have left', start.threads, left.threads),
    fact('memory before anybody came', mebibytes(start.memory)),
    fact('memory with everybody', mebibytes(full.memory)),
    atMost('memory left behind', LEFT_BEHIND, left.memory - start.memory, mebibytes),
    atMost('memory that a second crowd takes', GAIN_OF_SECOND_CROWD, again.memory - full.memory, mebibytes),
    exactly('open files when that has left', start.files, leftAgain.files),
  ];
}

/** @returns {Demand[]} */
function judgeSuccession({ wanted, rounds }) {
  const slowest = (name) => Math.max(...rounds.map((round) => round[name]));
  return [
    fact('hubs that left in order', number(rounds.length)),
    exactly('connections that none of the next has lost', wanted, Math.min(...rounds.map(({ alive }) => alive))),
    fact('longest from the signal to the end of a hub', milliseconds(slowest('leaving'))),
    atMost('longest from the start of the next one to its first answer', TAKING_UP, slowest('takingUp'), milliseconds),
    atMost('longest pause for clients', SUCCESSION, slowest('pause'), milliseconds),
  ];
}

/** @returns {Demand[]} */
function judgeExhaustion(found) {
  const { clients, openFiles, letIn, filesFull, warnings, warningsAfterIdling } = found;
  return [
    fact('clients let in, of those who came', `${letIn} of ${clients}`),
    exactly('open files then', openFiles, filesFull),
    exactly('warnings', 1, warnings),
    exactly('warnings after waiting', 1, warningsAfterIdling),
    atMost('processor while waiting', IDLE_LOAD, found.idleLoad, (share) => `${(share * 100).toFixed(1)} %`),
    holds('those who were there reach each other', found.membersGoOn),
    holds('room that is made is used', found.reopened),
    holds('it can be stopped', found.stop.isClean),
    atMost('time to stop', STOP_TIME, Math.round(found.stop.milliseconds), milliseconds),
  ];
}

/** @typedef {{ what: string, demanded: string, seen: string, isMet: boolean }} Demand */

function atMost(what, limit, value, show = number) {
  return { what, demanded: `<= ${show(limit)}`, seen: show(value), isMet: value <= limit };
}

function atLeast(what, limit, value, show = number) {
  return { what, demanded: `>= ${show(limit)}`, seen: show(value), isMet: value >= limit };
}

function exactly(what, wanted, value) {
  return { what, demanded: number(wanted), seen: number(value), isMet: value === wanted };
}

function holds(what, isSo) {
  return { what, demanded: 'yes', seen: isSo ? 'yes' : 'no', isMet: isSo };
}

/** A figure that nothing is demanded of. */
function fact(what, seen) {
  return { what, demanded: '', seen, isMet: true };
}

function number(value) {
  return value.toLocaleString('en-US');
}

function milliseconds(value) {
  return `${number(Math.round(value))} ms`;
}

function mebibytes(bytes) {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

module.exports = { judgeBroadcast, judgeExhaustion, judgeIdle, judgeLeaving, judgeSuccession, judgeVisits };
