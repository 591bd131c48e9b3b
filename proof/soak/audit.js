'use strict';

// What must hold when the load is over: what was confirmed is stored, all processes see the same, and the hub has
// nothing left.

const { until } = require('../../__test__/cluster/support/wait.js');
const { counters, sharedLarge, sharedSmall, valuePlaces } = require('./places.js');
const { readMetrics } = require('./samples.js');
const { NOTHING } = require('./value.js');

/** How long a process may take to read everything, in milliseconds. */
const READ_LIMIT = 60_000;

/**
 * How long what dead processes and a killed hub have left may last, in milliseconds: locks expire, and requests come to
 * their end.
 */
const SETTLE_LIMIT = 40_000;

/** What the hub must have none of when nobody asks for anything. */
const MUST_BE_NONE = [
  'acebase_ipc_queue_bytes',
  'acebase_ipc_held_requests',
  'acebase_ipc_delivered_requests',
  'acebase_ipc_locks',
  'acebase_ipc_kept_sessions',
];

/** The hub has nothing left: no queue, no request, no lock, no session of somebody who is gone. */
async function auditHub(port, ledger) {
  let left;
  const isClean = async () => {
    const metrics = await readMetrics(port);
    left = MUST_BE_NONE.filter((name) => metrics[name] > 0).map((name) => `${name} ${metrics[name]}`);
    return left.length === 0;
  };
  await until('a hub with nothing left', SETTLE_LIMIT, isClean).catch(() =>
    ledger.violate('left in the hub', left.join(', ')),
  );
}

/** What each live process reads is what all others read; and what it was told last is what it reads. */
async function auditMembers(members, views, histories, ledger) {
  for (const member of members) {
    try {
      const { values } = await member.child.callWithin(READ_LIMIT, 'readAll', valuePlaces, counters);
      auditView(member, values, histories, ledger, 'live value');
      auditTold(member, values, views, histories, ledger);
    } catch (error) {
      ledger.violate('live read', `${member.name}: ${error.message}`);
    }
  }
}

/** Events of small values come in order: the last one counts. Of others it is enough that they came. */
function auditTold(member, values, views, histories, ledger) {
  const { subscriber } = member;
  for (const place of [...sharedSmall, ...sharedLarge]) {
    const token = values[place];
    const isTold = sharedSmall.includes(place)
      ? subscriber.last.get(place) === token
      : subscriber.last.get(place) === token || subscriber.timesSeen(token) > 0;
    if (isTold) {
      ledger.count('audit: last event is what is stored');
    } else if (isExcused(histories.get(place).lastOf(token), views)) {
      ledger.count('audit: last event excused');
    } else {
      ledger.violate(
        'view',
        `${member.name} was last told ${subscriber.last.get(place)} of ${place}, which is ${token}`,
      );
    }
  }
}

/** Whether nobody need have been told: nobody knows who did it, or its event may be lost. */
function isExcused(write, views) {
  return write?.outcome !== 'confirmed' || views.isExcused(write);
}

/** A fresh process that reads the files alone finds everything whole, and every confirmed write in it. */
async function auditFiles(auditor, { histories, counterHistories }, ledger) {
  const { values, counts } = await auditor.callWithin(READ_LIMIT, 'readAll', valuePlaces, counters);
  auditView({ name: 'the auditor' }, values, histories, ledger, 'stored value');
  for (const place of counters) {
    const history = counterHistories.get(place);
    if (history.isPossible(counts[place])) {
      ledger.count('audit: counter right');
    } else {
      ledger.violate('counter', `${place} is ${counts[place]}, not ${history.possible()}`);
    }
  }
}

function auditView({ name }, values, histories, ledger, kind) {
  const now = performance.now();
  for (const [place, found] of Object.entries(values)) {
    const history = histories.get(place);
    if (history.isPossible(found, now, now)) {
      ledger.count(`audit: ${kind} right${found === NOTHING ? ' (nothing)' : ''}`);
    } else if (history.isTornByDeath(found, now)) {
      ledger.count(`audit: ${kind} half written by a killed process`);
    } else {
      ledger.violate(kind, `${name} finds ${found} at ${place}, not one of ${history.possible(now).join(', ')}`);
    }
  }
}

module.exports = { auditFiles, auditHub, auditMembers };
