'use strict';

// What a test leaves behind is put away when it ends, in the reverse order, whatever failed. Processes that a test run
// forgot are ended with the run.

const { makeFolder } = require('../../support/folder.js');

const pending = new WeakMap();
const pids = new Set();

process.on('exit', () => pids.forEach(endProcess));

/**
 * Does something when the test is over, before everything that was deferred earlier.
 * @param {import('node:test').TestContext} t
 * @param {() => unknown} action
 */
function defer(t, action) {
  if (!pending.has(t)) {
    pending.set(t, []);
    t.after(() => putAway(pending.get(t)));
  }
  pending.get(t).push(action);
}

/** A folder that is put away in its turn: after what was started later, and may write there, has ended. */
function deferFolder(t, name) {
  return makeFolder({ after: (action) => defer(t, action) }, name);
}

async function putAway(actions) {
  const failures = [];
  for (const action of actions.reverse()) {
    try {
      await action();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) {
    throw new AggregateError(failures, failures.map((error) => error.message).join('; '));
  }
}

/** This process ends with the test run, at the latest. */
function ownProcess(pid) {
  pids.add(pid);
}

/** The process has ended: its number may soon belong to another one. */
function disownProcess(pid) {
  pids.delete(pid);
}

/** SIGKILL, also for a stopped process; one that is gone is no error. */
function endProcess(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') {
      throw error;
    }
  }
}

module.exports = { defer, deferFolder, disownProcess, endProcess, ownProcess };
