'use strict';

// What becomes of clients that come back to a server that was killed, where nobody keeps its port.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { makeScene } = require('./support/kept-port.js');
const { connect } = require('./support/peer.js');
const { noProc } = require('./support/platform.js');
const { isOpen } = require('./support/port.js');

/** How many clients there are: the system takes the longer to close all of them. */
const CLIENTS = 200;

/** How often a server is killed: without its care, four of five times somebody is taken. */
const KILLS = 5;

/** Whether the first client that comes back to a server that was killed is taken. */
async function isTakenAfterKill(t) {
  const scene = await makeScene(t, { keepPort: false });
  const hub = await scene.hub();
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, n) => connect({ port: scene.port }, `client-${n}`)),
  );
  const lost = Promise.race(clients.map((client) => client.closed));
  hub.child.kill('SIGKILL');
  await lost;
  return isOpen(scene.port);
}

test('a client that comes back is refused, and not taken by a server that is dead already', {
  skip: noProc,
}, async (t) => {
  const outcomes = [];
  for (let kill = 0; kill < KILLS; kill++) {
    outcomes.push(await isTakenAfterKill(t));
  }
  assert.deepEqual(outcomes, Array(KILLS).fill(false));
});
