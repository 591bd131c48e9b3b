'use strict';

// Servers are handed over whatever ends their processes: a signal, the program, a thread's end. What stands in the way
// (no next process, no keeper, too few open files) closes connections, and is said.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Worker } = require('node:worker_threads');

const { keeperGone, keeperOf, eventually } = require('./support/keeper.js');
const { end } = require('./support/kept-port.js');
const { join } = require('./support/peer.js');
const { noKeeper } = require('./support/platform.js');
const { freePort, isOpen } = require('./support/port.js');
const { ROOT } = require('./support/process.js');
const {
  WITHOUT_FAREWELL,
  assertIsSameConnection,
  killKeeperAfter,
  makeScripts,
  script,
} = require('./support/successors.js');

const CLIENTS = 60;

/** So few open files that a server can go on with some of the clients: Node.js has some, and more are left free. */
const OPEN_FILES = 185;

const isOver = ({ socket }) => socket.readyState === socket.CLOSED;

/** As `assertIsSameConnection`, of a client that is told of others meanwhile. */
async function assertIsServed(client) {
  client.send('ping');
  while ((await client.next()) !== 'pong');
}

/**
 * Two servers in one process, which a signal ends, and the connections of both. `otherClass`: the second one's, as
 * `before` gives it.
 */
async function assertBothGoOn(t, { signal, otherClass, before = '' }) {
  const scripts = await makeScripts(t);
  const otherPort = await freePort();
  const config = JSON.stringify({ host: '127.0.0.1', port: otherPort, keepPort: true });
  const more = `${before} new ${otherClass}(${config}).start().then(() => console.log('both'));`;
  const first = await scripts.serve({ more });
  await first.printed(/both/);
  killKeeperAfter(t, otherPort);
  const clients = [await join(scripts, 'client-1'), await join({ port: otherPort }, 'client-1')];
  assert.equal((await end(first, signal)).signal, signal);
  await (await scripts.serve({ more })).printed(/both/);
  await Promise.all(clients.map(assertIsSameConnection));
}

/** A port whose servers are worker threads of this process. */
async function makeThreads(t, options) {
  const port = await freePort();
  const threads = [];
  t.after(async () => {
    await Promise.all(threads.map((thread) => thread.terminate()));
  });
  killKeeperAfter(t, port);
  return {
    port,
    /** Starts a thread, and waits until its port is open. */
    async serve() {
      const thread = new Worker(script(port, options), { eval: true, stdout: true });
      threads.push(thread);
      await eventually(() => isOpen(port));
      return thread;
    },
  };
}

describe('the next process goes on with the connections', { skip: noKeeper }, () => {
  test('of several servers of a process, each with its own', (t) =>
    assertBothGoOn(t, { signal: 'SIGINT', otherClass: 'AceBaseIPCServer' }));

  test('in a worker thread', async (t) => {
    const leave = `require('node:worker_threads').parentPort.once('message', () => server.handOver().then(() => process.exit()));`;
    const threads = await makeThreads(t, { more: leave });
    const first = await threads.serve();
    const client = await join(threads, 'client-1');
    first.postMessage('leave');
    await eventually(() => first.threadId === -1);
    await threads.serve();
    await assertIsSameConnection(client);
  });

  test('when a worker thread is terminated, be it before start() has come to its end', async (t) => {
    const threads = await makeThreads(t);
    const first = await threads.serve();
    const client = await join(threads, 'client-1');
    await first.terminate();
    await threads.serve();
    await assertIsSameConnection(client);
  });

  for (const [how, more, code] of [
    ['calls process.exit()', 'process.exit(3)', 3],
    ['does not await handOver() before that', '(server.handOver(), process.exit(3))', 3],
    ['fails', "(() => { throw new Error('a fault of the program') })()", 1],
  ]) {
    test(`when the program ${how}`, async (t) => {
      const scripts = await makeScripts(t);
      const first = await scripts.serve({ more: `process.once('SIGUSR2', () => ${more});` });
      const client = await join(scripts, 'client-1');
      assert.equal((await end(first, 'SIGUSR2')).code, code);
      await scripts.serve();
      await assertIsSameConnection(client);
    });
  }
});

describe('connections are closed', { skip: noKeeper }, () => {
  test('when no next server comes in time, and the port is free', async (t) => {
    const scripts = await makeScripts(t);
    const first = await scripts.serve({}, { variables: { ACEBASE_IPC_KEEPER_PATIENCE: '700' } });
    const client = await join(scripts, 'client-1');
    await end(first, 'SIGTERM');
    assert.equal(client.socket.readyState, client.socket.OPEN);
    assert.equal((await client.closed).code, WITHOUT_FAREWELL);
    await keeperGone(scripts.port);
    assert.equal(await isOpen(scripts.port), false);
  });

  test('when the keeper ends', async (t) => {
    const scripts = await makeScripts(t);
    const first = await scripts.serve();
    const client = await join(scripts, 'client-1');
    await end(first, 'SIGTERM');
    process.kill(keeperOf(scripts.port).pid, 'SIGKILL');
    assert.equal((await client.closed).code, WITHOUT_FAREWELL);
    await scripts.serve();
  });

  test('as far as the next process may not have as many open files, with a warning that names the limit', async (t) => {
    const scripts = await makeScripts(t);
    const first = await scripts.serve();
    const clients = [];
    for (let number = 0; number < CLIENTS; number += 1) {
      clients.push(await join(scripts, `client-${number}`));
    }
    await end(first, 'SIGTERM');
    const second = await scripts.serve({}, { openFiles: OPEN_FILES });
    const warning =
      /warning port-keeper (\d+) connections .* limit of open files of this process \((\d+)\).*ulimit -Hn/;
    const [, lost, limit] = await second.printed(warning);
    assert.equal(Number(limit), OPEN_FILES);
    const [, kept] = await second.printed(/notice hand-over Goes on with (\d+) connections/);
    assert.equal(Number(lost) + Number(kept), CLIENTS);
    assert.ok(Number(lost) > 0 && Number(kept) > 0, second.stdout);
    await eventually(() => clients.filter(isOver).length === Number(lost));
    const others = clients.filter((client) => !isOver(client));
    await Promise.all([...others, await join(scripts, 'client-new')].map(assertIsServed));
  });
});

describe('a signal', { skip: noKeeper }, () => {
  for (const [how, listen] of Object.entries({
    'that a program listens to': "process.on('SIGTERM', () => console.log('heard'));",
    'that a program listens to once': "process.once('SIGTERM', () => console.log('heard'));",
  })) {
    test(`${how} is the program's own business`, async (t) => {
      const scripts = await makeScripts(t);
      const before = await scripts.serve({ more: listen });
      const client = await join(scripts, 'client-1');
      before.child.kill('SIGTERM');
      await before.printed(/heard/);
      await assertIsSameConnection(client);
      assert.equal(before.child.exitCode ?? before.child.signalCode, null);
    });
  }

  test('that nobody listens to ends the process also beside another copy of the package', (t) => {
    const anew = `
      for (const file of Object.keys(require.cache).filter((file) => file.endsWith('.js'))) delete require.cache[file];
      const { AceBaseIPCServer: Copy } = require(${JSON.stringify(ROOT)});
      if (Copy === AceBaseIPCServer) throw new Error('it is no copy');
    `;
    return assertBothGoOn(t, { signal: 'SIGTERM', otherClass: 'Copy', before: anew });
  });

  test('of a terminal that is closed hands over, too', async (t) => {
    const scripts = await makeScripts(t);
    const first = await scripts.serve();
    const client = await join(scripts, 'client-1');
    assert.equal((await end(first, 'SIGHUP')).signal, 'SIGHUP');
    await scripts.serve();
    await assertIsSameConnection(client);
  });

  test('finds a server that was stopped before no more', async (t) => {
    const scripts = await makeScripts(t);
    const server = await scripts.serve({
      more: "process.stdin; setInterval(() => {}, 1000); server.once('listening', () => server.stop().then(() => console.log('stopped')));",
    });
    await server.printed(/stopped/);
    assert.equal((await end(server, 'SIGTERM')).signal, 'SIGTERM');
    assert.equal(await isOpen(scripts.port), false);
  });
});
