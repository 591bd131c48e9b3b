'use strict';

// A real HAProxy in front of several hubs, with the configuration that docs/cluster.md recommends. Only where there is
// one.

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { deferFolder } = require('../cluster/support/scope.js');
const { findCommand, startForeign } = require('./foreign.js');
const { freePort } = require('./port.js');
const { ROOT } = require('./process.js');

const command = findCommand('haproxy', ['-v']);

/** Why tests with HAProxy cannot run here; `false` if they can. */
const noHaproxy = !command && 'no haproxy was found (apt-get install haproxy)';

/** The configuration in the documentation, as its reader would fill it in. */
function documented(port, addresses) {
  const page = readFileSync(path.join(ROOT, 'docs', 'cluster.md'), 'utf8');
  const [, text] = page.match(/```haproxy\n(.*?)```/s);
  const servers = [...text.matchAll(/^ {4}server (\S+) (\S+)$/gm)];
  if (servers.length !== addresses.length || !text.includes('bind :9163\n')) {
    throw new Error(`docs/cluster.md should have one port, and ${addresses.length} servers`);
  }
  const filledIn = servers.reduce((config, [, , there], n) => config.replace(there, addresses[n]), text);
  return filledIn.replace('bind :9163', `bind 127.0.0.1:${port},[::1]:${port}`);
}

/**
 * Starts HAProxy in front of hubs, on a port of this machine.
 * @param {import('node:test').TestContext} t It ends with this test.
 * @param {string[]} addresses Of the hubs: `host:port`.
 * @returns {Promise<number>} The port.
 */
async function startHaproxy(t, addresses) {
  const folder = deferFolder(t, 'haproxy');
  const port = await freePort();
  const file = path.join(folder, 'haproxy.cfg');
  writeFileSync(file, documented(port, addresses));
  // In the foreground, and one process, so that ending it ends all of it.
  await startForeign(t, [command, '-db', '-f', file], { cwd: folder, port });
  return port;
}

module.exports = { noHaproxy, startHaproxy };
