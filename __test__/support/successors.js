'use strict';

// Servers that follow one another on a port and hand their connections over: scripts in processes of their own, or all
// in this one.

const assert = require('node:assert/strict');

const { AceBaseIPCServer } = require('../..');
const { keeperOf } = require('./keeper.js');
const { makeScene } = require('./kept-port.js');
const { freePort } = require('./port.js');
const { ROOT } = require('./process.js');
const { quietly } = require('./server.js');

/** What `ws` says of a connection that ended without a farewell. */
const WITHOUT_FAREWELL = 1006;

/** A script with a server, as a user writes it: nothing in it knows of signals, unless `more` does. */
function script(port, { config = {}, more = '' } = {}) {
  const full = JSON.stringify({ host: '127.0.0.1', port, keepPort: true, ...config });
  return `
    const { AceBaseIPCServer } = require(${JSON.stringify(ROOT)});
    const server = new AceBaseIPCServer(${full});
    server.on('notice', ({ code, message }) => console.log('notice', code, message));
    server.on('warning', ({ code, message }) => console.log('warning', code, message));
    server.start();
    ${more}
  `;
}

/** A port whose servers are scripts of their own processes. */
async function makeScripts(t) {
  const scene = await makeScene(t);
  return {
    port: scene.port,
    /** Starts a script, and waits until its server runs. */
    async serve(options, launching) {
      const server = scene.evaluate(script(scene.port, options), launching);
      await server.printed(/running on port/);
      return server;
    },
  };
}

/** Servers of this process, on one port, one after the other. */
async function makeLine(t, config = {}) {
  const port = await freePort();
  const servers = [];
  t.after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
  });
  return {
    port,
    async serve(more = {}) {
      const server = new AceBaseIPCServer({ host: '127.0.0.1', port, keepPort: true, ...config, ...more });
      servers.push(server);
      const said = { notices: [], warnings: [] };
      server.on('notice', (notice) => said.notices.push(notice));
      server.on('warning', (warning) => said.warnings.push(warning));
      await quietly(t, () => server.start());
      return Object.assign(server, said);
    },
  };
}

/** The keeper of a port whose servers are not ended by `stop()` does not wait for another one. */
function killKeeperAfter(t, port) {
  t.after(() => {
    const keeper = keeperOf(port);
    if (keeper) {
      process.kill(keeper.pid, 'SIGKILL');
    }
  });
}

async function assertIsSameConnection(client) {
  client.send('ping');
  assert.equal(await client.next(), 'pong');
}

module.exports = { WITHOUT_FAREWELL, assertIsSameConnection, killKeeperAfter, makeLine, makeScripts, script };
