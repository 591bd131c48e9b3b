'use strict';

// The hub of a test: a process of its own, so that it can be killed.

const assert = require('node:assert/strict');
const net = require('node:net');
const path = require('node:path');

const { startChild } = require('./child.js');
const { defer } = require('./scope.js');

/** Both loopback addresses, for clients may resolve `localhost` to either. */
const HOST = 'localhost';

/** The command that the package installs. */
const COMMAND = path.join(__dirname, '..', '..', '..', 'bin', 'acebase-ipc-server.js');

/**
 * Starts a hub.
 * @param {import('node:test').TestContext} t
 * @param {object} [options] Of the server; `port`: any free one if absent.
 * @returns {Promise<{ child: object, port: number, expectsRefusals: boolean }>} `expectsRefusals`: set by tests in
 *   which somebody does not behave.
 */
async function startHub(t, options = {}) {
  const argument = JSON.stringify({ host: HOST, port: 0, ...options });
  const child = startChild(t, 'hub', path.join(__dirname, 'hub-process.js'), [argument]);
  const hub = { child, port: await child.call('start'), expectsRefusals: false };
  defer(t, () => assertNothingRefused(hub));
  return hub;
}

/** What real AceBase processes say is never kept back, whatever happens to them. */
async function assertNothingRefused({ child, expectsRefusals }) {
  if (child.isAlive && !expectsRefusals) {
    const warnings = await child.call('warnings');
    assert.ok(!warnings.includes('message-refused'), `a message was kept back: ${child.lastWords}`);
  }
}

/**
 * Starts a hub from the command line.
 * @param {import('node:test').TestContext} t
 * @param {string[]} args
 */
async function startCommand(t, args) {
  const child = startChild(t, 'hub', COMMAND, args);
  // What keeps its port goes only if the hub says so.
  defer(t, () => child.terminate());
  await child.ready();
  return child;
}

/**
 * What the published client takes for a refusal of the hub, also where it is part of the port in the system's own
 * message.
 */
const ODD_DIGITS = /403|409|500/;

/** A port that nobody listens on at the moment. */
async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return ODD_DIGITS.test(port) ? freePort() : port;
}

/** Whether somebody listens on the port. */
function isOpen(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, HOST);
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

module.exports = { freePort, HOST, isOpen, startCommand, startHub };
