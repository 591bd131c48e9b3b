'use strict';

// A server in a process of its own: `node hub-process.js <configuration as JSON>`. SIGTERM stops it, SIGHUP stops it
// and leaves the port to its keeper, SIGINT hands it over with all connections, SIGUSR2 ends the process without
// stopping it.

const { AceBaseIPCServer } = require('../../index.js');

const server = new AceBaseIPCServer(JSON.parse(process.argv[2]));
server.on('warning', ({ code, message }) => console.log(`warning ${code}: ${message}`));
process.on('SIGTERM', () => server.stop().then(() => console.log('stopped')));
process.on('SIGHUP', () => server.stop({ keepPort: true }).then(() => console.log('left')));
process.on('SIGINT', () => server.handOver().then(() => console.log('handed over')));
process.on('SIGUSR2', () => process.exit());
server.start().catch((error) => {
  console.log(`failed ${error.code}: ${error.message}`);
});
