'use strict';

// A process with one server.

const { AceBaseIPCServer } = require('../../../index.js');
const { serve } = require('./rpc.js');

const server = new AceBaseIPCServer(JSON.parse(process.argv[2]));
const warnings = [];
server.on('warning', ({ code, message }) => {
  warnings.push(code);
  console.error(message);
});
const refusals = [];
server.on('refused', ({ status }) => refusals.push(status));

serve({
  async start() {
    await server.start();
    return server.port;
  },
  /** Stops in order, and starts again after a while. */
  async restart(absence) {
    await server.stop({ keepPort: true });
    await new Promise((resolve) => setTimeout(resolve, absence));
    await server.start();
  },
  stop: () => server.stop(),
  warnings: () => warnings,
  refusals: () => refusals,
  clients: (dbname) => server.getClients(dbname).map((client) => client.id),
  locks: (dbname) => server.locks(dbname),
  /** What the server does for a database. */
  status: (dbname) => server.status().databases.find((database) => database.name === dbname),
});
