'use strict';

// A program that does not listen to SIGINT and SIGTERM ends by them at once. Where it has a server that keeps its port,
// the server hands its connections over first: a script of three lines is restarted by its process manager with no more
// than that.

const { isMainThread } = require('node:worker_threads');

/** What process managers and people end a process with. */
const SIGNALS = ['SIGINT', 'SIGTERM'];

/** What only this listener has, of whichever copy of this package: none of them is the program's. */
const OURS = Symbol.for('acebase-ipc-server.hand-over');

/** The servers that hand over. The process listens while there is one. */
const servers = new Set();

/**
 * Sees to it that a server hands over when a signal ends this process, unless the program listens to the signal itself.
 * @param {{ handOver(): Promise<void> }} server
 * @returns {() => void} Ends that.
 */
function handOverBeforeExit(server) {
  if (!isMainThread) {
    // Signals reach the main thread only, and that ends the others.
    return () => {};
  }
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
  process.kill(process.pid, signal);
}

endBy[OURS] = true;

function listen(on) {
  for (const signal of SIGNALS) {
    // Before others: who listens `once` would not be seen any more.
    process[on ? 'prependListener' : 'off'](signal, endBy);
  }
}

module.exports = { handOverBeforeExit };
