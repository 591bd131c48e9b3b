'use strict';

// The hub of a test: a process of its own, so that it can be killed.

const assert = require('node:assert/strict');
const path = require('node:path');

const { COMMAND } = require('../../support/process.js');
const { startChild } = require('./child.js');
const { defer } = require('./scope.js');

/** Both loopback addresses, for clients may resolve `localhost` to either. */
const HOST = 'localhost';

/**
 * Starts a hub.
 * @param {import('node:test').TestContext} t
 * @param {object} [options] Of the server; `port`: any free one if absent.
 * @param {string} [folder] Of another version of this package.
 * @returns {Promise<{ child: object, port: number, expectsRefusals: boolean }>} `expectsRefusals`: set by tests in
 *   which somebody does not behave.
 */
async function startHub(t, options = {}, folder = undefined) {
  const argument = JSON.stringify({ host: HOST, port: 0, ...options });
  const child = startChild(
    t,
    'hub',
    path.join(__dirname, 'hub-process.js'),
    [argument],
    folder && { HUB_PACKAGE: folder },
  );
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

module.exports = { HOST, startCommand, startHub };
