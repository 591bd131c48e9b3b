// Start a database instance with master role
require('acebase-ipc-server/client'); // Goes on at another hub when one is lost
const { AceBase } = require('acebase');
const ipc = require('./ipc.js');
const db = new AceBase('mydb', { storage: { path: process.env.DATA, ipc: { ...ipc, role: 'master' } } });
db.ready(() => {
    process.send?.('ready'); // Signal pm2 it's running
})
