'use strict';

// Whether a class is the remote peer that this client knows: that of AceBase 1.12.3 to 1.29.13. Knows its shape only.

/** The methods that are replaced, and how many parameters each has. */
const REPLACED = { connect: 1, sendMessage: 1, fetch: 3 };

/** The methods of its base class that are called. */
const CALLED = ['handleMessage', 'addPeer', 'removePeer', 'sayGoodbye', 'lock', 'request', 'exit'];

/** The protocol that the class speaks, as its address says it. */
const ADDRESS = '/connect?v=';

/**
 * What is different from the class that is known.
 * @param {unknown} Peer
 * @returns {string | undefined} To be read after "its"; nothing where all is as expected.
 */
function oddityOf(Peer) {
  if (typeof Peer !== 'function') {
    return 'class RemoteIPCPeer is missing';
  }
  const own = Peer.prototype;
  for (const [name, parameters] of Object.entries(REPLACED)) {
    if (!Object.hasOwn(own, name) || own[name]?.length !== parameters) {
      return `method ${name}() is another one`;
    }
  }
  if (!own.version?.startsWith('1.') || !String(own.connect).includes(ADDRESS)) {
    return 'protocol is another one';
  }
  const base = Object.getPrototypeOf(own);
  const missing = CALLED.find((name) => typeof base[name] !== 'function');
  return missing && `method ${missing}() is missing`;
}

module.exports = { oddityOf };
