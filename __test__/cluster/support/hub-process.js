'use strict';

// A process with one server.

const { AceBaseIPCServer } = require('../../../index.js');
const { serve } = require('./rpc.js');

const server = new AceBaseIPCServer(JSON.parse(process.argv[2]));
server.on('warning', ({ message }) => console.error(message));

serve({
  async start() {
    await server.start();
    return server.port;
  },
  clients: (dbname) => server.getClients(dbname).map((client) => client.id),
  locks: (dbname) => server.locks(dbname),
});
