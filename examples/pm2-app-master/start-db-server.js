const { AceBaseServer } = require('acebase-server');
const role = process.env.NODE_APP_INSTANCE === '0' ? 'master' : 'worker'
const server = new AceBaseServer('mydb', { host: 'localhost', port: 5757, ipc: { port: 9163, role } });
