'use strict';

// Which locks database processes had, and when: each writes down when it gets one and when it gives it back, by a clock
// that all processes of a machine share. Two that exclude each other were never held at the same time.

const fs = require('node:fs');
const path = require('node:path');

/** The folder of the logs, for the processes that write them. */
const VARIABLE = 'LOCK_LOG';

const PREFIX = 'locks-';

/** Microseconds since the machine was started: the same for all of its processes. */
function now() {
  return Number(process.hrtime.bigint() / 1000n);
}

/**
 * Writes down the locks of this process, if it is told to. What it writes is there also if it is killed.
 * @param {object} storage AceBase's.
 */
function logLocks({ nodeLocker }) {
  const folder = process.env[VARIABLE];
  if (!folder) {
    return;
  }
  const file = fs.openSync(path.join(folder, `${PREFIX}${process.pid}.log`), 'a');
  let last = 0;
  const note = (entry) => fs.writeSync(file, `${JSON.stringify({ at: now(), ...entry })}\n`);

  /** Notes that this lock is held, and its end. */
  function follow(lock) {
    const id = ++last;
    // One that is never given back ends by itself.
    note({ got: id, tid: String(lock.tid), isWrite: lock.forWriting, lasts: (lock.expires - Date.now()) * 1000 });
    const { release, moveToParent } = lock;
    lock.release = (...args) => {
      note({ gave: id });
      return release.apply(lock, args);
    };
    lock.moveToParent = async () => {
      note({ gave: id });
      return follow(await moveToParent.call(lock));
    };
    return lock;
  }

  const { lock } = nodeLocker;
  nodeLocker.lock = async (...args) => follow(await lock.apply(nodeLocker, args));
}

/**
 * Locks that were held at the same time though one of their transactions writes.
 * @param {string} folder Of the logs.
 * @param {Map<number, number>} ends When processes ended, in the time of `now`, by their number.
 * @returns {{ count: number, conflicts: string[] }} `count`: of all locks that were looked at.
 */
function findConflicts(folder, ends) {
  const held = new Map();
  const conflicts = [];
  let count = 0;
  for (const { pid, at, got, gave, ...lock } of entriesOf(folder)) {
    if (got === undefined) {
      held.delete(`${pid}/${gave}`);
      continue;
    }
    count++;
    for (const [key, other] of held) {
      if (Math.min(ends.get(other.pid) ?? Number.POSITIVE_INFINITY, other.at + other.lasts) < at) {
        held.delete(key);
      } else if (other.tid !== lock.tid && (other.isWrite || lock.isWrite)) {
        conflicts.push(`${describe(pid, lock)} at ${at}, while ${describe(other.pid, other)} since ${other.at}`);
      }
    }
    held.set(`${pid}/${got}`, { pid, at, ...lock });
  }
  return { count, conflicts };
}

/** All entries of all processes, in the order of time. */
function entriesOf(folder) {
  const files = fs.readdirSync(folder).filter((name) => name.startsWith(PREFIX));
  const entries = files.flatMap((name) => {
    const pid = Number.parseInt(name.slice(PREFIX.length), 10);
    const lines = fs.readFileSync(path.join(folder, name), 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => ({ pid, ...JSON.parse(line) }));
  });
  return entries.sort((a, b) => a.at - b.at);
}

function describe(pid, { tid, isWrite }) {
  return `process ${pid} has a lock to ${isWrite ? 'write' : 'read'} (${tid})`;
}

module.exports = { findConflicts, logLocks, now, VARIABLE };
