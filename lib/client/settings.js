'use strict';

// What this client takes of AceBase's settings, beside those that the published one has.

/** AceBase's own `lockTimeout`, in seconds, where the settings have none. */
const DEFAULT_LOCK_TIMEOUT = 120;

/**
 * How much longer a request may stand still than a lock may last that nobody returns, in milliseconds: whoever waits
 * for that lock must not give up in the moment of its end.
 */
const AFTER_LOCK = 10_000;

/** How long it may stand still at least where nothing else is set, in milliseconds: a busy machine is no failure. */
const SHORTEST_DEFAULT = 120_000;

/** The longest time that a timer can have, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/**
 * For how long a lock serves one worker where nothing else is set, in milliseconds: some writes, so that the way from
 * worker to worker is a small part of them, and less than anybody notices who waits.
 */
const DEFAULT_KEEP = 2;

/** The longest time that others may be kept waiting so, in milliseconds. */
const LONGEST_KEEP = 1000;

/**
 * @param {{ config: object, storage: { settings?: { lockTimeout?: number } } }} peer
 * @returns {number} After how long without a move a request is given up, in milliseconds.
 */
function requestTimeoutOf({ config, storage }) {
  const lockTimeout = (storage?.settings?.lockTimeout ?? DEFAULT_LOCK_TIMEOUT) * 1000;
  const timeout = config.requestTimeout ?? Math.max(lockTimeout + AFTER_LOCK, SHORTEST_DEFAULT);
  if (!(Number.isFinite(timeout) && timeout > 0)) {
    throw new TypeError('ipc.requestTimeout must be a number of milliseconds above 0');
  }
  return Math.min(timeout, LONGEST);
}

/**
 * @returns {number} For how long after its grant a transaction may go on under the lock of the one before it, in
 *   milliseconds; 0: never.
 */
function keepLocksForOf({ config }) {
  const keepLocksFor = config.keepLocksFor ?? DEFAULT_KEEP;
  if (!(typeof keepLocksFor === 'number' && keepLocksFor >= 0 && keepLocksFor <= LONGEST_KEEP)) {
    throw new TypeError(`ipc.keepLocksFor must be a number of milliseconds from 0 to ${LONGEST_KEEP}`);
  }
  return keepLocksFor;
}

module.exports = { keepLocksForOf, requestTimeoutOf };
