// Start IPC Server
const { AceBaseIPCServer } = require('acebase-ipc-server');
const server = new AceBaseIPCServer({ host: 'localhost', port: 9163, keepPort: true });
server.start();
