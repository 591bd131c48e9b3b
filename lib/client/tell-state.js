'use strict';

// What a client tells a hub that knows nothing of it: the locks that it holds, the requests whose answer it awaits, and
// the peers that it knows. Pure.

/**
 * @param {object} peer AceBase's.
 * @param {import('./requests.js').Requests} requests
 * @param {import('./outgoing.js').Outgoing} outgoing
 */
function tellState(peer, requests, outgoing) {
  const { unsent } = outgoing;
  return {
    // Those of a worker; a master has its own table, and asks nobody. What is over keeps nobody out.
    locks: requests.locks.map(describe),
    // Those, too, that are sent again: an answer may come before.
    requests: requests.pending.filter(({ id }) => !unsent.has(id)).map(outline),
    peers: peer.peers.map(({ id }) => id),
  };
}

function describe({ id, tid, path, write, expires, comment, by }) {
  return { id, tid, path, write, expires, comment, by };
}

function outline({ id, type, data }) {
  return { id, type, ...(type === 'move-lock-request' && { lock: data.id }) };
}

module.exports = { tellState };
