// Where the hubs are: first the one of this machine, then the others
const { MACHINE, IPC_TOKEN } = process.env;
const MACHINES = ['10.0.0.1', '10.0.0.2'];
const hosts = [MACHINE, ...MACHINES.filter((machine) => machine !== MACHINE)];
module.exports = { hosts, port: 9163, token: IPC_TOKEN };
