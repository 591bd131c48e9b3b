'use strict';

// A program that ends, and has a server that keeps its port, hands the server's connections over first: when it calls
// `process.exit()` or fails, and when a signal ends it because it does not listen to that itself. A script of three
// lines is restarted by its process manager with no more than that.

const { constants } = require('node:os');
const { isMainThread } = require('node:worker_threads');

/**
 * What process managers and people end a process with, as far as this system knows it: SIGHUP comes when the terminal
 * is closed, and SIGBREAK is Ctrl+Break on Windows.
 */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK'].filter((signal) => signal in constants.signals);

/** What only this listener has, of whichever copy of this package: none of them is the program's. */
const OURS = Symbol.for('acebase-ipc-server.hand-over');

/**
 * The servers that hand over. The process listens while there is one.
 * @type {Set<{ handOver(): Promise<void>, handOverNow(): void }>}
 */
const servers = new Set();

/**
 * Sees to it that a server hands over when this process ends, or this thread. A signal that the program listens to is
 * the program's own business.
 * @param {{ handOver(): Promise<void>, handOverNow(): void }} server
 * @returns {() => void} Ends that.
 */
function handOverBeforeExit(server) {
  if (servers.size === 0) {
    listen(true);
  }
  servers.add(server);
  return () => {
    if (servers.delete(server) && servers.size === 0) {
      listen(false);
    }
  };
}

/** Ends the process as the signal would have, a moment later. */
async function endBy(signal) {
  if (process.listeners(signal).some((listener) => !listener[OURS])) {
    // It is the program's business.
    return;
  }
  await Promise.allSettled([...servers].map((server) => server.handOver()));
  listen(false);
  if (process.listeners(signal).some((listener) => listener[OURS])) {
    // Another copy of this package has not finished.
    return;
  }
  endNowBy(signal);
}

/** Windows can send some signals from one process to another, and not all of them. */
function endNowBy(signal) {
  try {
    process.kill(process.pid, signal);
  } catch {
    process.exit(128 + constants.signals[signal]);
  }
}

endBy[OURS] = true;

/** Nothing that takes its time can be done any more. */
function handOverAllNow() {
  for (const server of servers) {
    server.handOverNow();
  }
}

function listen(on) {
  process[on ? 'on' : 'off']('exit', handOverAllNow);
  if (!isMainThread) {
    // Signals reach the main thread only, and that ends the others.
    return;
  }
  for (const signal of SIGNALS) {
    // Before others: who listens `once` would not be seen any more.
    process[on ? 'prependListener' : 'off'](signal, endBy);
  }
}

module.exports = { handOverBeforeExit, SIGNALS };
