'use strict';

// What a process says that ends in this turn of the event loop. Knows AceBase's peer.

/**
 * @param {object} peer AceBase's.
 * @returns {object[]} Messages, in order. Whoever has only read has done so: its locks keep nobody waiting.
 */
function lastWordsOf({ id, masterPeerId, isMaster, _locks: locks }) {
  const idle = isMaster ? [] : locks.filter(({ granted, lock }) => granted && lock && !lock.forWriting);
  const releases = idle.map(({ lock }) => ({
    type: 'unlock-request',
    id: `exit-${lock.id}`,
    from: id,
    to: masterPeerId,
    data: { id: lock.id },
  }));
  return [...releases, { type: 'bye', from: id }];
}

module.exports = { lastWordsOf };
