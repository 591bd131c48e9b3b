'use strict';

// A server that leaves in order hands its connections over: the next one on the port goes on with them, and clients see
// nothing of it. `hand-over-of-processes.test.js` has what their programs do, and `cluster/seamless-restart.test.js`
// demands the same of real processes under load.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const { AceBaseIPCServer } = require('..');
const { end } = require('./support/kept-port.js');
const { getsIn, join } = require('./support/peer.js');
const { pem } = require('./support/certificates.js');
const { noKeeper, noOpenssl } = require('./support/platform.js');
const { freePort, isOpen } = require('./support/port.js');
const { frame, handshake, rawConnect, rawJoin } = require('./support/raw.js');
const { quietly } = require('./support/server.js');
const { WITHOUT_FAREWELL, assertIsSameConnection, makeLine, makeScripts } = require('./support/successors.js');

const SERVER_STOPS = 1001;

const DATABASE = 'mydb_data';

/** How long, in milliseconds, a server may take for what nothing tells of. */
const WHILE = 50;

describe('the next server goes on with the connections', { skip: noKeeper }, () => {
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

  test('over TLS, as often as servers change, and closes those of clients that know TLS 1.2 only', {
    skip: noOpenssl,
  }, async (t) => {
    const ssl = pem();
    const line = { ...(await makeLine(t, { ssl })), isTls: true };
    const first = await line.serve();
    const old = await join(line, 'client-1', { maxVersion: 'TLSv1.2' });
    const [one, other] = [await join(line, 'client-2'), await join(line, 'client-3')];
    await old.take(2);
    assert.equal(await one.next(), 'connect:client-3');
    await first.handOver();
    assert.equal((await old.closed).code, SERVER_STOPS);
    const long = 'x'.repeat(200_000);
    one.send(long);
    const second = await line.serve();
    assert.equal(await other.next(), 'disconnect:client-1');
    assert.equal(await other.next(), long);
    await second.handOver();
    other.send(long);
    await line.serve();
    assert.deepEqual(await one.take(2), ['disconnect:client-1', long]);
    await Promise.all([one, other].map(assertIsSameConnection));
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

describe('connections are closed', { skip: noKeeper }, () => {
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

test('stop({ keepPort: true }) leaves the sessions of clients that come back to the next server', {
  skip: noKeeper,
}, async (t) => {
  const id = 'abcdefghijklmnopqrstuvwx';
  const line = await makeLine(t);
  const first = await line.serve();
  const before = await join(line, id);
  await first.stop({ keepPort: true });
  assert.equal((await before.closed).code, SERVER_STOPS);
  await line.serve();
  const other = await join(line, 'client-1');
  other.send(`to:${id};said while it was away`);
  await assertIsSameConnection(other);
  assert.deepEqual(await (await join(line, id)).take(2), ['connect:client-1', 'said while it was away']);
});

describe('a connection that is no peer goes on with the next server', { skip: noKeeper }, () => {
  const HEALTH = request('/healthz');
  for (const [way, leave] of [
    ['handOver()', (server) => server.handOver()],
    ['stop({ keepPort: true })', (server) => server.stop({ keepPort: true })],
  ]) {
    test(`after ${way}, when it has said nothing yet, or half a request, or was answered before`, async (t) => {
      const line = await makeLine(t);
      const first = await line.serve();
      const [silent, halfway, answered] = await Promise.all(Array.from({ length: 3 }, () => rawConnect(line)));
      halfway.write(HEALTH.slice(0, 20));
      answered.write(HEALTH);
      await answered.heard('ok');
      // Nothing tells that the half was read.
      await sleep(WHILE);
      await leave(first);
      silent.write(HEALTH);
      answered.write(request('/unknown'));
      await line.serve();
      halfway.write(HEALTH.slice(20));
      await Promise.all([silent.heard('ok'), halfway.heard('ok'), answered.heard('HTTP/1.1 404')]);
    });

    test(`after ${way}, when TLS has not begun on it`, { skip: noOpenssl }, async (t) => {
      const line = await makeLine(t, { ssl: pem() });
      const first = await line.serve();
      const silent = await rawConnect(line);
      // Nothing tells that it was accepted.
      await sleep(WHILE);
      await leave(first);
      await line.serve();
      const greeted = await silent.startTls();
      greeted.write(HEALTH);
      await greeted.heard('ok');
    });

    test(`whenever it comes while a server leaves by ${way}`, async (t) => {
      const line = await makeLine(t);
      const first = await line.serve();
      const comeIn = async (number) => {
        const client = await rawConnect(line);
        client.write(`${handshake(`/mydb_data/connect?v=1.0.0&id=client-${number}&t=undefined`)}\r\n\r\n`);
        await client.heard('HTTP/1.1 101');
      };
      const coming = [];
      const crowd = setInterval(() => coming.push(comeIn(coming.length)), 1);
      try {
        await restartAgainAndAgain(line, first, leave);
      } finally {
        clearInterval(crowd);
      }
      await Promise.all(coming);
    });
  }
});

/** A request over HTTP that asks nothing else. */
function request(target) {
  return `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

async function restartAgainAndAgain(line, first, leave) {
  let server = first;
  for (let round = 0; round < 5; round += 1) {
    await sleep(WHILE);
    await leave(server);
    server = await line.serve();
  }
}

describe('handOver()', { skip: noKeeper }, () => {
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
