'use strict';

// The hub as its users start it, as a process of its own for the benchmarks.

const { AceBaseIPCServer } = require('../index.js');
const { runCommand } = require('./support/command.js');
const { reportReady, serverArguments } = require('./support/server-process.js');

async function main() {
  const { port, sslPaths, options } = serverArguments();
  const server = new AceBaseIPCServer({ host: '127.0.0.1', port, ...(sslPaths && { ssl: sslPaths }), ...options });
  await server.start();
  reportReady(server.port);
}

runCommand(main);
