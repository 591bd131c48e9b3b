'use strict';

// A server that leaves in order hands its connections over: the next one on the port goes on with them, and clients see
// nothing of it. `cluster/seamless-restart.test.js` demands that of real processes under load.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');

const { AceBaseIPCServer } = require('..');
const { end, makeScene } = require('./support/kept-port.js');
const { eventually, keeperGone, keeperOf } = require('./support/keeper.js');
const { getsIn, join } = require('./support/peer.js');
const { freePort, isOpen } = require('./support/port.js');
const { ROOT } = require('./support/process.js');
const { frame, rawJoin } = require('./support/raw.js');
const { quietly } = require('./support/server.js');

const skip = process.platform === 'win32' && 'connections cannot be handed over on Windows';

/** What `ws` says of a connection that ended without a farewell. */
const WITHOUT_FAREWELL = 1006;
const SERVER_STOPS = 1001;

const DATABASE = 'mydb_data';

/** A script with a server, as a user writes it: nothing in it knows of signals, unless `more` does. */
function script(port, { config = {}, more = '' } = {}) {
  const full = JSON.stringify({ host: '127.0.0.1', port, keepPort: true, ...config });
  return `
    const { AceBaseIPCServer } = require(${JSON.stringify(ROOT)});
    const server = new AceBaseIPCServer(${full});
    server.on('notice', ({ code, message }) => console.log('notice', code, message));
    server.on('warning', ({ code, message }) => console.log('warning', code, message));
    server.start();
    ${more}
  `;
}

/** A port whose servers are scripts of their own processes. */
async function makeScripts(t) {
  const scene = await makeScene(t);
  return {
    port: scene.port,
    /** Starts a script, and waits until its server runs. */
    async serve(options, { variables } = {}) {
      const server = scene.evaluate(script(scene.port, options), { variables });
      await server.printed(/running on port/);
      return server;
    },
  };
}

/** Servers of this process, on one port, one after the other. */
async function makeLine(t, config = {}) {
  const port = await freePort();
  const servers = [];
  t.after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
  });
  return {
    port,
    async serve(more = {}) {
      const server = new AceBaseIPCServer({ host: '127.0.0.1', port, keepPort: true, ...config, ...more });
      servers.push(server);
      const said = { notices: [], warnings: [] };
      server.on('notice', (notice) => said.notices.push(notice));
      server.on('warning', (warning) => said.warnings.push(warning));
      await quietly(t, () => server.start());
      return Object.assign(server, said);
    },
  };
}

/** The keeper of a port whose servers are not ended by `stop()` does not wait for another one. */
function killKeeperAfter(t, port) {
  t.after(() => {
    const keeper = keeperOf(port);
    if (keeper) {
      process.kill(keeper.pid, 'SIGKILL');
    }
  });
}

async function assertIsSameConnection(client) {
  client.send('ping');
  assert.equal(await client.next(), 'pong');
}

describe('the next server goes on with the connections', { skip }, () => {
  test('in another process, in the middle of a frame', async (t) => {
    const scripts = await makeScripts(t);
    const first = await scripts.serve();
    const listener = await join(scripts, 'listener');
    const speaker = await rawJoin(scripts, 'speaker');
    assert.equal(await listener.next(), 'connect:speaker');
    const bytes = frame(1, 'one text, of which each server reads a part');
    speaker.write(bytes.subarray(0, 20));
    await sleep(50);
    const { signal } = await end(first, 'SIGTERM');
    assert.equal(signal, 'SIGTERM');
    const second = await scripts.serve();
    speaker.write(bytes.subarray(20));
    assert.equal(await listener.next(), 'one text, of which each server reads a part');
    await second.printed(/notice hand-over Goes on with 2 connections/);
  });

  test('in the same process', async (t) => {
    const line = await makeLine(t);
    const first = await line.serve();
    const [one, other] = [await join(line, 'client-1'), await join(line, 'client-2')];
    assert.equal(await one.next(), 'connect:client-2');
    await first.handOver();
    one.send('said while there is no server');
    const second = await line.serve();
    assert.equal(await other.next(), 'said while there is no server');
    assert.deepEqual(
      second.notices.map(({ code }) => code),
      ['hand-over'],
    );
  });

  test('when it is the same server, started again', async (t) => {
    const line = await makeLine(t);
    const server = await line.serve();
    const client = await join(line, 'client-1');
    for (let round = 0; round < 3; round += 1) {
      await server.handOver();
      await quietly(t, () => server.start());
      await assertIsSameConnection(client);
    }
    assert.equal(server.notices.length, 3);
  });

  test('of several servers of a process, each with its own', async (t) => {
    const scripts = await makeScripts(t);
    const otherPort = await freePort();
    const config = JSON.stringify({ host: '127.0.0.1', port: otherPort, keepPort: true });
    const more = `const other = new AceBaseIPCServer(${config}); other.start().then(() => console.log('both'));`;
    const first = await scripts.serve({ more });
    await first.printed(/both/);
    killKeeperAfter(t, otherPort);
    const clients = [await join(scripts, 'client-1'), await join({ port: otherPort }, 'client-1')];
    assert.equal((await end(first, 'SIGINT')).signal, 'SIGINT');
    await (await scripts.serve({ more })).printed(/both/);
    await Promise.all(clients.map(assertIsSameConnection));
  });

  test('in a worker thread', async (t) => {
    const port = await freePort();
    const body = script(port, {
      more: `require('node:worker_threads').parentPort.once('message', () => server.handOver().then(() => process.exit()));`,
    });
    const threads = [];
    t.after(async () => {
      await Promise.all(threads.map((thread) => thread.terminate()));
    });
    killKeeperAfter(t, port);
    const serve = async () => {
      const thread = new Worker(body, { eval: true, stdout: true });
      threads.push(thread);
      await eventually(() => isOpen(port));
      return thread;
    };
    const first = await serve();
    const client = await join({ port }, 'client-1');
    first.postMessage('leave');
    await eventually(() => first.threadId === -1);
    await serve();
    await assertIsSameConnection(client);
  });

  test('and shows them as they were', async (t) => {
    const line = await makeLine(t);
    const first = await line.serve();
    await join(line, 'client-1');
    const [{ connected }] = first.getClients(DATABASE);
    await first.handOver();
    assert.deepEqual(first.getClients(DATABASE), []);
    await sleep(20);
    const second = await line.serve();
    assert.deepEqual(
      second.getClients(DATABASE).map((client) => [client.id, client.connected, client.away]),
      [['client-1', connected, false]],
    );
    const [{ peers }] = second.status().databases;
    assert.deepEqual([peers[0].connectedAt, peers[0].away], [connected.getTime(), false]);
  });

  test('and ends them in order when it stops', async (t) => {
    const line = await makeLine(t);
    const first = await line.serve();
    const client = await join(line, 'client-1');
    await first.handOver();
    await (await line.serve()).stop();
    assert.equal((await client.closed).code, SERVER_STOPS);
    assert.equal(await isOpen(line.port), false);
  });

  test('whatever they were told by the former one, and new ones what it tells', async (t) => {
    const line = await makeLine(t, { maxPayload: 1_000_000 });
    const first = await line.serve();
    const [before, listener] = [await join(line, 'client-1'), await join(line, 'listener')];
    assert.equal(await before.next(), 'connect:listener');
    await first.handOver();
    await line.serve({ maxPayload: 20_000, maxConnections: 1 });
    const long = 'x'.repeat(500_000);
    before.send(long);
    assert.equal(await listener.next(), long);
  });

  test('and asks only those that come new for its token', async (t) => {
    const line = await makeLine(t);
    const first = await line.serve();
    const before = await join(line, 'client-1');
    await first.handOver();
    await line.serve({ token: 'secret' });
    await assertIsSameConnection(before);
    assert.equal(await getsIn(line, 'client-2'), false);
    assert.equal(await getsIn(line, 'client-2', { token: 'secret' }), true);
  });
});

describe('connections are closed', { skip }, () => {
  test('with one warning, when the next server cannot go on with them', async (t) => {
    const line = await makeLine(t);
    const first = await line.serve();
    const clients = [await join(line, 'client-1'), await join(line, 'client-2')];
    await first.handOver();
    const off = { introductions: false, resumeWindow: 0, masterTimeout: 0, lockTable: false, releaseLocksAfter: 0 };
    const second = await line.serve(off);
    for (const client of clients) {
      assert.equal((await client.closed).code, WITHOUT_FAREWELL);
    }
    assert.equal(second.warnings.length, 1);
    assert.equal(second.warnings[0].code, 'hand-over');
    assert.match(
      second.warnings[0].message,
      /2 connections .* cannot be taken over: .*coordination was switched on or off/,
    );
    assert.deepEqual([second.notices, second.getClients(DATABASE)], [[], []]);
    await assertIsSameConnection(await join(line, 'client-1'));
  });

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

  test('in order, by handOver() without keepPort', async (t) => {
    const line = await makeLine(t, { keepPort: false });
    const server = await line.serve();
    const client = await join(line, 'client-1');
    await server.handOver();
    assert.equal((await client.closed).code, SERVER_STOPS);
    assert.equal(await isOpen(line.port), false);
  });

  test('in order, by stop(), with and without keepPort', async (t) => {
    const line = await makeLine(t);
    for (const options of [{ keepPort: true }, {}]) {
      const server = await line.serve();
      const client = await join(line, 'client-1');
      await server.stop(options);
      assert.equal((await client.closed).code, SERVER_STOPS);
    }
  });
});

describe('a signal', { skip }, () => {
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

  test('that nobody listens to ends the process also beside another copy of the package', async (t) => {
    const scripts = await makeScripts(t);
    const otherPort = await freePort();
    const config = JSON.stringify({ host: '127.0.0.1', port: otherPort, keepPort: true });
    const more = `
      for (const file of Object.keys(require.cache).filter((file) => file.endsWith('.js'))) delete require.cache[file];
      const other = new (require(${JSON.stringify(ROOT)}).AceBaseIPCServer)(${config});
      other.start().then(() => console.log(other instanceof AceBaseIPCServer ? 'the same' : 'both'));
    `;
    const first = await scripts.serve({ more });
    await first.printed(/both/);
    killKeeperAfter(t, otherPort);
    const clients = [await join(scripts, 'client-1'), await join({ port: otherPort }, 'client-1')];
    assert.equal((await end(first, 'SIGTERM')).signal, 'SIGTERM');
    await (await scripts.serve({ more })).printed(/both/);
    await Promise.all(clients.map(assertIsSameConnection));
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

describe('handOver()', { skip }, () => {
  test('twice, or before stop(), is the same as once', async (t) => {
    const line = await makeLine(t);
    const first = await line.serve();
    const client = await join(line, 'client-1');
    await Promise.all([first.handOver(), first.handOver(), first.stop()]);
    assert.equal(await isOpen(line.port), true);
    await line.serve();
    await assertIsSameConnection(client);
  });

  test('of a server that does not run does nothing', async () => {
    await new AceBaseIPCServer({ port: await freePort(), keepPort: true }).handOver();
  });

  test('during start() hands over what there is then', async (t) => {
    const line = await makeLine(t);
    const first = await line.serve();
    const client = await join(line, 'client-1');
    await first.handOver();
    await quietly(t, () => Promise.all([first.start(), first.handOver(), first.start()]));
    await assertIsSameConnection(client);
  });
});
