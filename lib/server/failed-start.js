'use strict';

// Sees to it that the error of a failed start ends a process in which nobody takes it, as Node.js does with every
// unhandled rejection. pm2 listens for these in its processes, prints them and lets the process go on: a server that
// listens nowhere would be "online" for ever.

/** How long pm2 gets to write what it prints, in milliseconds: what is not written when the process ends is lost. */
const PRINT_TIME = 250;

/** Errors of starts that have failed. */
const failures = new WeakSet();

let isWatching = false;

/** To be called before the start's promise is rejected with this error. */
function mustBeTaken(error) {
  // pm2 gives each of its processes a number.
  if (process.env.pm_id === undefined) {
    return;
  }
  failures.add(error);
  if (!isWatching) {
    isWatching = true;
    process.on('unhandledRejection', onUnhandled);
  }
}

function onUnhandled(reason) {
  const others = process.listenerCount('unhandledRejection') - 1;
  if (others === 0) {
    // What Node.js does where nobody listens; that this one does must make no difference.
    throw reason;
  }
  // pm2 has one listener, in each of its modes. Whoever adds another has decided what is done with such errors.
  if (others === 1 && failures.has(reason)) {
    setTimeout(() => process.exit(1), PRINT_TIME);
  }
}

module.exports = { mustBeTaken };
