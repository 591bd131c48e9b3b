// The hub as its users start it, as a process of its own for the benchmarks.
'use strict';

const { AceBaseIPCServer } = require('../index.js');
const { serverArguments, reportReady } = require('./support/server-process');

async function main() {
  const { port, sslPaths, options } = serverArguments();
  const server = new AceBaseIPCServer({ host: '127.0.0.1', port, ...(sslPaths && { ssl: sslPaths }), ...options });
  await server.start();
  reportReady(server.port);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
