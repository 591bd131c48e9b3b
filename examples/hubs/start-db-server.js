// Start a database server with worker role
require('acebase-ipc-server/client'); // Goes on at another hub when one is lost
const { AceBaseServer } = require('acebase-server');
const { MACHINE, DATA } = process.env;
const ipc = require('./ipc.js');
const server = new AceBaseServer('mydb', { host: MACHINE, port: 5757, path: DATA, ipc: { ...ipc, role: 'worker' } });
