'use strict';

// A database process: the role, and where the IPC server is, come from the environment.

const { AceBase } = require('acebase');

const { ROLE, IPC_HOST, IPC_PORT, IPC_TOKEN, DATA_PATH } = process.env;

const ipc = { host: IPC_HOST, port: Number(IPC_PORT), token: IPC_TOKEN, role: ROLE };
const db = new AceBase('mydb', { storage: { path: DATA_PATH, ipc } });
db.ready(() => console.log(`${ROLE} is ready`));

process.once('SIGTERM', async () => {
  await db.close();
  // Not process.exit(): what the published client does when its process exits throws.
  process.kill(process.pid, 'SIGKILL');
});
