'use strict';

// Starts a server with the binary at hand, exchanges a message with it, and stops it. Needs nothing but Node.js: for
// machines on which only the binary is tried.

const http = require('node:http');

const { AceBaseIPCServer } = require('..');

main();

async function main() {
  const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0 });
  await server.start();
  const clients = await get(server.port, '/mydb_data/clients');
  if (clients !== '[]') {
    throw new Error(`A new server said ${clients}`);
  }
  await server.stop();
}

function get(port, path) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path, agent: false }, async (response) => {
      resolve(Buffer.concat(await response.toArray()).toString());
    });
    request.on('error', reject);
  });
}
