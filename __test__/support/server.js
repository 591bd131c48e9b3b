'use strict';

// Servers for tests: on any free port of the loopback address, stopped when their test is over.

const { AceBaseIPCServer } = require('../../index.js');
const { pem } = require('./certificates.js');
const { noOpenssl } = require('./platform.js');

/** The time, in milliseconds, in which events get from the addon to JavaScript. */
const MOMENT = 200;

/**
 * The ways to reach a server: a test body that is run over each of them shows that they make no difference. `skip`: why
 * one cannot be tried here.
 */
const TRANSPORTS = [
  { name: 'plain', skip: false, config: () => ({}) },
  { name: 'TLS', skip: noOpenssl, config: () => ({ ssl: pem() }) },
];

/**
 * Starts a server for one test.
 * @param {import('node:test').TestContext} t
 */
async function startServer(t, config = {}) {
  const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0, ...config });
  t.after(() => server.stop());
  await quietly(t, () => server.start());
  // What helpers that connect need to know.
  server.isTls = config.ssl !== undefined;
  return server;
}

/** Does something without the line that a starting server prints. */
async function quietly(t, action) {
  const { mock } = t.mock.method(console, 'log', () => {});
  try {
    await action();
  } finally {
    mock.restore();
  }
}

module.exports = { MOMENT, quietly, startServer, TRANSPORTS };
