'use strict';

// Replaces the transport of AceBase's remote peer: three methods of its prototype. A fourth goes before its base's: who
// asks for a lock may have to wait.

const { createRequire } = require('node:module');
const path = require('node:path');

const { oddityOf } = require('./shape.js');
const { NoTransport } = require('./no-transport.js');
const { Transport } = require('./transport.js');
const { Values } = require('./values.js');

/** A prototype that has been replaced already. */
const REPLACED = Symbol.for('acebase-ipc-server/client');

/**
 * @param {unknown} Peer The class of a copy of AceBase.
 * @param {{ folder: string, core: object }} copy `folder`: of the package. `core`: its acebase-core.
 * @returns {string | undefined} Why it was left as it is: what its class has that is not known.
 */
function replaceTransport(Peer, { folder, core }) {
  if (Peer?.prototype && Object.hasOwn(Peer.prototype, REPLACED)) {
    return undefined;
  }
  const oddity = oddityOf(Peer);
  if (oddity) {
    return oddity;
  }
  const transports = new WeakMap();
  const means = { values: new Values(core.Transport), parentOf: (path) => core.PathInfo.get(path).parentPath };
  const transportOf = (peer) => {
    if (!transports.has(peer)) {
      transports.set(peer, makeTransport(peer, folder, means));
    }
    return transports.get(peer);
  };
  const { lock } = Peer.prototype;
  define(Peer.prototype, {
    async connect() {
      transportOf(this).start();
    },
    sendMessage(message) {
      transportOf(this).send(message);
    },
    lock(details) {
      return transportOf(this).lock(details, () => lock.call(this, details));
    },
    fetch(method, address, body) {
      return transportOf(this).fetch(method, address, body);
    },
    [REPLACED]: true,
  });
  return undefined;
}

/** A mistake in the settings, or a package that is missing, is told; the process goes on. */
function makeTransport(peer, folder, means) {
  try {
    return new Transport(peer, { WebSocket: findWebSocket(folder), ...means });
  } catch (error) {
    return new NoTransport(peer, error);
  }
}

function define(prototype, members) {
  for (const key of Reflect.ownKeys(members)) {
    Object.defineProperty(prototype, key, { value: members[key], writable: true, configurable: true });
  }
}

/** The WebSocket client that AceBase itself would use, or else the program's. */
function findWebSocket(folder) {
  const places = [path.join(folder, 'package.json'), path.join(process.cwd(), 'package.json'), __filename];
  for (const place of places) {
    try {
      const ws = createRequire(place)('ws');
      return ws.WebSocket ?? ws;
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') {
        throw error;
      }
    }
  }
  throw new Error('ws package is not installed. To fix this, run: npm install ws');
}

module.exports = { replaceTransport };
