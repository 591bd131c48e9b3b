'use strict';

// What a client tells a hub that knows nothing of it: the locks that it holds, the requests whose answer it awaits, the
// peers that it knows, and of a master what it must not give itself. Pure.

/**
 * @param {object} peer AceBase's.
 * @param {import('./requests.js').Requests} requests
 * @param {import('./grants.js').Grants} grants
 * @param {import('./own-locks.js').OwnLocks} ownLocks
 * @param {import('./outgoing.js').Outgoing} outgoing
 * @param {import('./fence.js').Fence} fence
 */
function tellState(peer, requests, grants, ownLocks, outgoing, fence) {
  const { unsent } = outgoing;
  return {
    // A master's table is its own, and holds those of the workers, who tell of them.
    locks: peer.isMaster ? [] : ownLocks.known.map((lock) => describe(lock, grants, ownLocks)),
    // Those, too, that are sent again: an answer may come before.
    requests: requests.pending.filter(({ id }) => !unsent.has(id)).map(outline),
    peers: peer.peers.map(({ id }) => id),
    ...(peer.isMaster && fence.isUp && { fence: fence.told }),
  };
}

function describe({ id, tid, path, forWriting, expires, comment }, grants, ownLocks) {
  const [left, by] = [grants.timeLeftOf(id), grants.grantorOf(id)];
  return { id, tid: ownLocks.nameOf(tid), path, write: forWriting, expires, comment, left, by };
}

function outline({ id, type, data }) {
  return { id, type, ...(type === 'move-lock-request' && { lock: data.id }) };
}

module.exports = { tellState };
