'use strict';

// A TCP proxy between clients and hub that can break all connections at once, as a failing network does.

const net = require('node:net');
const { setImmediate } = require('node:timers/promises');

const { defer } = require('./scope.js');

/**
 * Starts a proxy that ends with the test.
 * @param {import('node:test').TestContext} t
 * @param {number} target The hub's port on this host.
 */
async function startProxy(t, target) {
  const links = new Set();
  let opened = Promise.resolve();
  const server = net.createServer({ pauseOnConnect: true }, async (client) => {
    // It may be reset while it waits.
    client.on('error', () => {});
    await opened;
    const link = { client, hub: net.connect(target, '127.0.0.1') };
    links.add(link);
    join(link, () => links.delete(link));
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));

  /** Breaks all connections by RST on both sides. Returns how many there were. */
  async function cut() {
    // Right after the turn in which the proxy read, and handed on, all that had arrived: what its kernel has
    // acknowledged since then, and is lost with the connection, is next to nothing.
    await setImmediate();
    const broken = [...links];
    for (const { client, hub } of broken) {
      client.resetAndDestroy();
      hub.resetAndDestroy();
    }
    return broken.length;
  }

  /** Lets connections wait before they get through to the hub. Returns what ends that. */
  function hold() {
    let letThrough;
    opened = new Promise((resolve) => {
      letThrough = resolve;
    });
    return letThrough;
  }

  /** Carries nothing any more, and says so to nobody: a partition. Returns what ends that. */
  function stall() {
    const stalled = [...links].flatMap(({ client, hub }) => [client, hub]);
    const letThrough = hold();
    for (const socket of stalled) {
      socket.pause();
    }
    return () => {
      for (const socket of stalled) {
        socket.resume();
      }
      letThrough();
    };
  }

  defer(t, async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const { client, hub } of links) {
      client.destroy();
      hub.destroy();
    }
    await closed;
  });
  return { port: server.address().port, cut, hold, stall };
}

/** Carries bytes both ways until one side ends. */
function join({ client, hub }, ended) {
  for (const [from, to] of [
    [client, hub],
    [hub, client],
  ]) {
    from.setNoDelay(true);
    // A broken connection is what this proxy is for.
    from.on('error', () => {});
    from.on('close', () => {
      ended();
      to.destroy();
    });
    from.pipe(to);
  }
}

module.exports = { startProxy };
