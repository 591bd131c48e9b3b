'use strict';

// The end of the process: each peer takes its leave. Listens to the process only while there are peers.

/** The signals by which process managers and people end a process. */
const SIGNALS = ['SIGTERM', 'SIGINT'];

/** How long what is under way may take to come to its end after a signal, in milliseconds: pm2 kills after 1600 ms. */
const GRACE = 1000;

/**
 * @typedef {object} Leaver
 * @property {() => void} leaveNow Says farewell; the process ends in this turn.
 * @property {() => Promise<unknown>} leave Begins nothing new, and resolves when all that is under way has ended.
 */

/** @type {Set<Leaver>} */
const leavers = new Set();
let isLeaving = false;

/** @param {Leaver} leaver */
function enlist(leaver) {
  if (leavers.size === 0) {
    process.on('exit', leaveAllNow);
    for (const signal of SIGNALS) {
      process.on(signal, endInOrder);
    }
  }
  leavers.add(leaver);
}

/** @param {Leaver} leaver */
function discharge(leaver) {
  leavers.delete(leaver);
  if (leavers.size === 0) {
    process.off('exit', leaveAllNow);
    // Who is leaving after a signal still ends by it.
    for (const signal of isLeaving ? [] : SIGNALS) {
      process.off(signal, endInOrder);
    }
  }
}

function leaveAllNow() {
  for (const leaver of leavers) {
    leaver.leaveNow();
  }
}

/**
 * A program that listens itself decides itself how it ends. Else the signal ends the process as it would have, but not
 * in the middle of a write.
 */
async function endInOrder(signal) {
  if (process.listenerCount(signal) > 1 || isLeaving) {
    return;
  }
  isLeaving = true;
  const limit = new Promise((resolve) => setTimeout(resolve, GRACE));
  await Promise.race([limit, Promise.allSettled([...leavers].map((leaver) => leaver.leave()))]);
  leaveAllNow();
  for (const name of SIGNALS) {
    process.off(name, endInOrder);
  }
  process.kill(process.pid, signal);
}

module.exports = { discharge, enlist };
