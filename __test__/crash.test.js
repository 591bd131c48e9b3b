'use strict';

// A server that is killed cannot hand its connections over. With `surviveCrash` the next one goes on with them
// nevertheless, where the system lets it. `npm run prove:restarts -- kill` demands that under the load of real
// processes.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const { end, makeScene } = require('./support/kept-port.js');
const { keeperOf, keeperThere } = require('./support/keeper.js');
const { join } = require('./support/peer.js');
const { noSurvival } = require('./support/platform.js');
const { frame, rawJoin } = require('./support/raw.js');

/** Options of the servers here. */
const SURVIVING = { surviveCrash: true };

/** Longer than the keeper takes to get what it is to hold, in milliseconds. */
const A_MOMENT = 100;

/** Longer than a keeper takes to be replaced, in milliseconds. */
const REPLACED = 3000;

const LENGTH_OF_LARGE = 3_000_000;

/** A text that says where it came from, of some length. */
const numbered = (from, number, length = 20) => `${from}:${number}:`.padEnd(length, 'x');

async function kill(hub) {
  await sleep(A_MOMENT);
  await end(hub, 'SIGKILL');
}

async function assertIsSameConnection(client) {
  client.send('ping');
  assert.equal(await client.next(), 'pong');
}

/** A client's frame of any length, with a mask of zeros. */
function longFrame(text) {
  const head = Buffer.alloc(14);
  head[0] = 0x81;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(text.length), 2);
  return Buffer.concat([head, Buffer.from(text)]);
}

describe('after a server was killed the next one goes on with its connections', { skip: noSurvival }, () => {
  test('in the middle of a frame', async (t) => {
    const scene = await makeScene(t, SURVIVING);
    let hub = await scene.hub();
    const listener = await join(scene, 'listener');
    const speaker = await rawJoin(scene, 'speaker');
    assert.equal(await listener.next(), 'connect:speaker');
    const text = 'one text, of which each server reads a part';
    const bytes = frame(1, text);
    for (const cut of [1, 5, 20, bytes.length - 1]) {
      speaker.write(bytes.subarray(0, cut));
      await kill(hub);
      hub = await scene.hub();
      speaker.write(bytes.subarray(cut));
      assert.equal(await listener.next(), text);
    }
  });

  test('in the middle of a large message, behind which others wait', async (t) => {
    const scene = await makeScene(t, SURVIVING);
    const hub = await scene.hub({ maxPayload: 2 * LENGTH_OF_LARGE });
    const listener = await join(scene, 'listener');
    const speaker = await rawJoin(scene, 'speaker');
    await listener.next();
    const large = 'y'.repeat(LENGTH_OF_LARGE);
    const bytes = Buffer.concat([frame(1, 'before'), longFrame(large), frame(1, 'after')]);
    speaker.write(bytes.subarray(0, LENGTH_OF_LARGE / 2));
    assert.equal(await listener.next(), 'before');
    await kill(hub);
    await scene.hub({ maxPayload: 2 * LENGTH_OF_LARGE });
    speaker.write(bytes.subarray(LENGTH_OF_LARGE / 2));
    const heard = await listener.next();
    assert.equal(heard === large, true, heard.slice(0, 100));
    assert.equal(await listener.next(), 'after');
  });

  test('of a client that does not read, to the byte', async (t) => {
    const COUNT = 4000;
    const scene = await makeScene(t, SURVIVING);
    const hub = await scene.hub();
    const slow = await join(scene, 'sluggish');
    const speaker = await join(scene, 'speaker');
    assert.equal(await slow.next(), 'connect:speaker');
    slow.socket.pause();
    for (let number = 0; number < COUNT; number += 1) {
      speaker.send(numbered('speaker', number, 5000));
    }
    await assertIsSameConnection(speaker);
    await kill(hub);
    await scene.hub();
    slow.socket.resume();
    for (let number = 0; number < COUNT; number += 1) {
      assert.equal(await slow.next(), numbered('speaker', number, 5000));
    }
    await assertIsSameConnection(slow);
  });

  test('kill after kill, though each comes as soon as the server runs', async (t) => {
    const scene = await makeScene(t, SURVIVING);
    let hub = await scene.hub();
    const clients = [await join(scene, 'client-1'), await join(scene, 'client-2')];
    await clients[0].next();
    await sleep(A_MOMENT);
    for (let round = 0; round < 5; round += 1) {
      await end(hub, 'SIGKILL');
      hub = await scene.hub();
    }
    await Promise.all(clients.map(assertIsSameConnection));
  });

  test('when it was killed before it said that it runs', async (t) => {
    const scene = await makeScene(t, SURVIVING);
    await kill(await scene.hub(), await join(scene, 'nobody'));
    const hub = await scene.hub();
    const client = await join(scene, 'client-1');
    await kill(hub);
    for (const delay of [150, 200, 250, 300]) {
      const started = scene.launch();
      await sleep(delay);
      await end(started, 'SIGKILL');
    }
    await scene.hub();
    await assertIsSameConnection(client);
  });

  test('when its keeper was killed before, and has been replaced', async (t) => {
    const scene = await makeScene(t, SURVIVING);
    const hub = await scene.hub();
    const client = await join(scene, 'client-1');
    process.kill((await keeperThere(scene.port)).pid, 'SIGKILL');
    await sleep(REPLACED);
    await kill(hub);
    await scene.hub();
    await assertIsSameConnection(client);
  });

  test('and with what is said by WebSocket itself', async (t) => {
    const scene = await makeScene(t, SURVIVING);
    let hub = await scene.hub();
    const client = await join(scene, 'client-1');
    for (let round = 0; round < 2; round += 1) {
      const pong = once(client.socket, 'pong');
      client.socket.ping('there?');
      assert.equal(String((await pong)[0]), 'there?');
      await assertIsSameConnection(client);
      await kill(hub);
      hub = await scene.hub();
    }
    await assertIsSameConnection(client);
  });

  test('at any moment of a busy day: each text comes once, in order', async (t) => {
    const ROUNDS = 8;
    const CLIENTS = 6;
    const scene = await makeScene(t, SURVIVING);
    let hub = await scene.hub();
    const clients = [];
    for (let index = 0; index < CLIENTS; index += 1) {
      clients.push(await join(scene, `client-${index}`));
    }
    await sleep(A_MOMENT);
    const sent = clients.map(() => 0);
    const got = clients.map(() => clients.map(() => 0));
    const wrong = [];
    const closed = new Set();
    clients.forEach((client, index) => {
      client.socket.removeAllListeners('message');
      client.socket.on('message', (data) => {
        const [, from, number] = /^(\d+):(\d+):/.exec(data.toString()) ?? [];
        if (from === undefined) {
          return;
        }
        if (Number(number) !== got[index][from]) {
          wrong.push(`${index} got ${from}:${number} instead of ${got[index][from]}`);
        }
        got[index][from] = Number(number) + 1;
      });
      client.socket.on('close', () => closed.add(index));
    });
    let isOver = false;
    const speaking = clients.map(async (client, index) => {
      while (!isOver) {
        if (client.socket.bufferedAmount < 100_000 && client.socket.readyState === 1) {
          for (let burst = 0; burst < 5; burst += 1) {
            client.send(numbered(index, sent[index], 20 + ((sent[index] * 37) % 900)));
            sent[index] += 1;
          }
        }
        await sleep(1);
      }
    });
    for (let round = 0; round < ROUNDS; round += 1) {
      await sleep(200 + Math.random() * 200);
      await end(hub, 'SIGKILL');
      hub = await scene.hub();
    }
    isOver = true;
    await Promise.all(speaking);
    await sleep(1000);
    t.diagnostic(
      `${sent.reduce((sum, count) => sum + count)} texts, ${closed.size} connections lost in ${ROUNDS} kills`,
    );
    assert.deepEqual(wrong, []);
    if (closed.size === 0) {
      clients.forEach((_, index) => {
        assert.deepEqual(
          got[index].filter((_, from) => from !== index),
          sent.filter((_, from) => from !== index),
        );
      });
    }
    // What was read, and was not written down when the kill came, cannot be gone on with.
    assert.ok(closed.size <= 1, `${closed.size} connections were lost`);
  });
});

describe('connections end with a server that is killed', { skip: noSurvival }, () => {
  test('when its keeper is killed with it', async (t) => {
    const scene = await makeScene(t, SURVIVING);
    const hub = await scene.hub();
    const client = await join(scene, 'client-1');
    await keeperThere(scene.port);
    process.kill(keeperOf(scene.port).pid, 'SIGKILL');
    await end(hub, 'SIGKILL');
    assert.equal((await client.closed).code, 1006);
    await scene.hub();
    await assertIsSameConnection(await join(scene, 'client-1'));
  });

  test('when the next one is otherwise configured, which says so', async (t) => {
    const scene = await makeScene(t, SURVIVING);
    const hub = await scene.hub();
    const client = await join(scene, 'client-1');
    await kill(hub);
    const next = await scene.hub({ introductions: false });
    assert.equal((await client.closed).code, 1006);
    await next.printed(/warning crash: 1 connections .* otherwise configured/);
  });

  test('when it was not to survive a crash', async (t) => {
    const scene = await makeScene(t);
    const hub = await scene.hub();
    const client = await join(scene, 'client-1');
    await kill(hub);
    assert.equal((await client.closed).code, 1006);
  });

  test('when it keeps no port, which it says', async (t) => {
    const scene = await makeScene(t, SURVIVING);
    const hub = await scene.hub({ keepPort: false });
    await hub.printed(/warning crash: The option surviveCrash has no effect: it needs keepPort/);
    const client = await join(scene, 'client-1');
    await kill(hub);
    assert.equal((await client.closed).code, 1006);
  });

  test('when nobody comes', async (t) => {
    const scene = await makeScene(t, SURVIVING);
    const hub = await scene.hub({}, { variables: { ACEBASE_IPC_KEEPER_PATIENCE: '500' } });
    const client = await join(scene, 'client-1');
    await kill(hub);
    assert.equal((await client.closed).code, 1006);
  });
});

describe('a connection of which the keeper has a duplicate', { skip: noSurvival }, () => {
  for (const isAwake of [true, false]) {
    test(`ends when the server ends it${isAwake ? '' : ', though the keeper stands still'}`, async (t) => {
      const scene = await makeScene(t, SURVIVING);
      await scene.hub();
      const clients = [await rawJoin(scene, 'client-1'), await rawJoin(scene, 'client-2')];
      await sleep(A_MOMENT);
      const { pid } = await keeperThere(scene.port);
      if (!isAwake) {
        process.kill(pid, 'SIGSTOP');
        t.after(() => process.kill(pid, 'SIGCONT'));
      }
      // One breaks the protocol; of the other there is a newer one.
      clients[0].write(frame(1, 'without a mask', { isMasked: false }));
      await rawJoin(scene, 'client-2');
      await Promise.all(clients.map((client) => client.closed()));
      if (!isAwake) {
        process.kill(pid, 'SIGCONT');
      }
    });
  }
});
