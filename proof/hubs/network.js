'use strict';

// Machines, each with a network of its own, on one wire: any two of them can be cut off from each other, silently, as
// by a broken switch. All of it is inside of a network that only this run has: nothing of the machine's own is
// touched. Needs Linux, `ip`, `unshare` and `nsenter`, and root, be it of a user namespace.

const { execFileSync, spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');

const { defer, ownProcess } = require('../../__test__/cluster/support/scope.js');

/** Set in the network of the run. */
const INSIDE = 'ACEBASE_IPC_PROOF_NETWORK';

/** Addresses: of the block for documentation, so that they are nobody's. The run itself is on the wire, too. */
const SUBNET = '198.51.100';
const OWN_ADDRESS = 254;

const WIRE = 'ipc-wire';

/** A card that no machine has: what is sent to it vanishes. */
const NOBODY = '02:00:00:00:00:01';

const QUIET = { stdio: ['ignore', 'ignore', 'pipe'] };
const ip = (...args) => execFileSync('ip', args, QUIET);

/** What starts a process in a new network: as root, or else as root of a user namespace. */
const NEW_NETWORKS = [
  ['unshare', '--net'],
  ['unshare', '--map-root-user', '--net'],
];

/** Starts this command again in a network of its own, and ends as that ends; `undefined`: it runs there already. */
function enterOwnNetwork() {
  if (process.env[INSIDE]) {
    ip('link', 'set', 'lo', 'up');
    return undefined;
  }
  const command = NEW_NETWORKS.find(([program, ...args]) => canLayWire(program, args));
  if (!command) {
    return { reason: 'no networks of their own can be made here (Linux, ip, unshare, nsenter and root are needed)' };
  }
  const [program, ...args] = command;
  const env = { ...process.env, [INSIDE]: '1' };
  const { status } = spawnSync(program, [...args, process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env,
  });
  return { status: status ?? 1 };
}

function canLayWire(program, args) {
  const trial = 'ip link add t-wire type bridge && ip link add t-one type veth peer name t-other';
  return spawnSync(program, [...args, 'sh', '-c', trial], { stdio: 'ignore' }).status === 0;
}

class Network {
  #pids = [];

  /** The address of a machine; they are numbered from 1. */
  address(machine) {
    return `${SUBNET}.${machine}`;
  }

  /** What starts a process on a machine. */
  launcher(machine) {
    return ['nsenter', `--net=/proc/${this.#pids[machine - 1]}/ns/net`];
  }

  async add(t) {
    const machine = this.#pids.length + 1;
    const child = spawn('unshare', ['--net', 'sh', '-c', 'echo up; exec sleep 86400'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    ownProcess(child.pid);
    defer(t, () => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    this.#pids.push(child.pid);
    const plug = `ipc-plug-${machine}`;
    ip('link', 'add', plug, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(child.pid));
    // The system takes it away some time after the machine's last process: the next scenario's has the same name.
    defer(t, () => spawnSync('ip', ['link', 'delete', plug], QUIET));
    ip('link', 'set', plug, 'master', WIRE, 'up');
    this.#inside(machine, 'address', 'add', `${this.address(machine)}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) {
      this.#inside(machine, 'link', 'set', device, 'up');
    }
  }

  #inside(machine, ...args) {
    const [enter, net] = this.launcher(machine);
    execFileSync(enter, [net, 'ip', ...args], QUIET);
  }

  /** Cuts each of some machines off from each of others, both ways. */
  split(some, others) {
    for (const [one, other] of pairs(some, others)) {
      this.#inside(
        one,
        'neighbour',
        'replace',
        this.address(other),
        'lladdr',
        NOBODY,
        'nud',
        'permanent',
        'dev',
        'eth0',
      );
    }
  }

  /** Joins them again. */
  heal(some, others) {
    for (const [one, other] of pairs(some, others)) {
      this.#inside(one, 'neighbour', 'delete', this.address(other), 'dev', 'eth0');
    }
  }
}

/** Each of some with each of others, in both orders. */
function pairs(some, others) {
  return some.flatMap((one) =>
    others.flatMap((other) => [
      [one, other],
      [other, one],
    ]),
  );
}

/**
 * Lays a wire with so many machines on it, inside of the run's own network.
 * @param {{ after(action: () => unknown): void }} t It goes with this.
 */
async function layNetwork(t, count) {
  ip('link', 'add', WIRE, 'type', 'bridge');
  defer(t, () => ip('link', 'delete', WIRE));
  ip('address', 'add', `${SUBNET}.${OWN_ADDRESS}/24`, 'dev', WIRE);
  ip('link', 'set', WIRE, 'up');
  const network = new Network();
  for (let machine = 1; machine <= count; machine++) {
    await network.add(t);
  }
  return network;
}

module.exports = { enterOwnNetwork, layNetwork };
