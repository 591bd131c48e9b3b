'use strict';

// The hub as its users start it, as a process of its own for the benchmarks.

const { once } = require('node:events');
const { createServer } = require('node:net');

const { AceBaseIPCServer } = require('../index.js');
const { runCommand } = require('./support/command.js');
const { reportReady, serverArguments } = require('./support/server-process.js');

async function main() {
  const { port, sslPaths, options } = serverArguments();
  const server = new AceBaseIPCServer({
    host: '127.0.0.1',
    // A keeper must know which one it keeps.
    port: options.keepPort ? port || (await freePort()) : port,
    ...(sslPaths && { ssl: sslPaths }),
    ...options,
  });
  await server.start();
  reportReady(server.port);
  // Nobody comes after it: its keeper need not wait.
  process.once('SIGTERM', () => server.stop().finally(() => process.exit()));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

runCommand(main);
