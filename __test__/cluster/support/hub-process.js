'use strict';

// A process with one server. HUB_PACKAGE is the folder of another version of this package.

const { AceBaseIPCServer } = require(process.env.HUB_PACKAGE ?? '../../../index.js');
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
  /** Stops, and keeps the port for the next one. */
  leave: () => server.stop({ keepPort: true }),
  /** Leaves all connections, and the port, to the next one. */
  handOver: () => server.handOver(),
  warnings: () => warnings,
  refusals: () => refusals,
  clients: (dbname) => server.getClients(dbname).map((client) => client.id),
  locks: (dbname) => server.locks(dbname),
  /** What the server does for a database. */
  status: (dbname) => server.status().databases.find((database) => database.name === dbname),
});
