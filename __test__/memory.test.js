'use strict';

// What clients begin and do not finish, and what is left of a peak when all have gone: a hub in a process of its own,
// and what it takes of the machine's memory, as Linux tells it.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const { pem } = require('./support/certificates.js');
const { request } = require('./support/http.js');
const { getsIn, join } = require('./support/peer.js');
const { noOpenssl, noProc } = require('./support/platform.js');
const { start } = require('./support/process.js');
const { closeCode, rawConnect, rawJoin } = require('./support/raw.js');

const KIB = 1024;
const MIB = 1024 * KIB;
const SCRIPT = path.join(__dirname, 'support', 'hub-process.js');
/** What a hub may take more or less for reasons of its own, in bytes. */
const MARGIN = 8 * MIB;
/** How long, in milliseconds, the hub may take to read what is in its sockets. */
const SETTLED = 300;
/** How long, in milliseconds, what is free may stay with the process. */
const GIVEN_BACK = 20_000;
/** Close codes. */
const TRY_AGAIN_LATER = 1013;

async function startHub(t, config) {
  const args = [SCRIPT, JSON.stringify({ host: '127.0.0.1', port: 0, ...config })];
  const { child, printed } = start(t, process.execPath, args);
  const [, port] = await printed(/running on port (\d+)/);
  const figure = (name) => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm'))[1]) * KIB;
  };
  const hub = { port: Number(port), printed, memory: () => figure('VmRSS'), reserved: () => figure('VmSize') };
  await getsIn({ ...hub, isTls: config.ssl !== undefined }, 'first');
  return hub;
}

/** Does the same for many connections, and gives them all. */
function many(count, connect) {
  return Promise.all(Array.from({ length: count }, (_, n) => connect(n)));
}

/** A TLS record of a handshake. */
function record(payload, length = payload.length) {
  return Buffer.concat([Buffer.from([0x16, 3, 1, length >> 8, length & 0xff]), payload]);
}

/** The beginning of a ClientHello of 65,520 bytes. */
function unfinishedHello(length) {
  const hello = Buffer.alloc(length);
  hello.set([1, 0, 0xff, 0xf0]);
  const records = [];
  for (let at = 0; at < length; at += 16 * KIB) {
    records.push(record(hello.subarray(at, at + 16 * KIB)));
  }
  return Buffer.concat(records);
}

/** How many connections the server closes within so many milliseconds. */
async function closedWithin(milliseconds, connections) {
  await sleep(milliseconds);
  return connections.filter(({ socket }) => socket.closed).length;
}

function leave(connections) {
  for (const { socket } of connections) {
    socket.destroy();
  }
}

/** The header of a frame of a client, whose mask of zeros leaves the payload as it is. */
function header(length) {
  const bytes = Buffer.alloc(14);
  bytes.set([0x81, 0xff]);
  bytes.writeBigUInt64BE(BigInt(length), 2);
  return bytes;
}

describe('memory', { skip: noProc }, () => {
  test('a TLS handshake that has hardly begun takes little', { skip: noOpenssl }, async (t) => {
    const hub = await startHub(t, { ssl: pem() });
    const before = hub.memory();
    const strangers = await many(600, () => rawConnect({ port: hub.port }));
    for (const { socket } of strangers) {
      socket.write(record(Buffer.alloc(0), 16_000));
    }
    await sleep(SETTLED);
    const each = (hub.memory() - before) / strangers.length;
    leave(strangers);
    assert.ok(each < 16 * KIB, `${Math.round(each)} bytes for each`);
  });

  test('a ClientHello without end is cut off, and long ones share a bound', { skip: noOpenssl }, async (t) => {
    const hub = await startHub(t, { ssl: pem(), maxUnfinished: 4 * MIB });
    const endless = await many(50, () => rawConnect({ port: hub.port }));
    for (const { socket } of endless) {
      socket.write(unfinishedHello(60 * KIB));
    }
    assert.equal(await closedWithin(1000, endless), 50);
    const long = await many(50, () => rawConnect({ port: hub.port }));
    for (const { socket } of long) {
      socket.write(unfinishedHello(8 * KIB));
    }
    assert.equal(await closedWithin(1000, long), 46, 'a sixteenth of the bound, 64 KiB for each');
    assert.ok(await getsIn({ port: hub.port, isTls: true }, 'honest'), 'others do not notice');
    leave(long);
  });

  test("one client's unfinished POSTs wait for each other, are all taken in the end, and nobody else waits", async (t) => {
    const hub = await startHub(t, { maxUnfinished: 32 * MIB });
    const greedy = await rawJoin(hub, 'greedy', 'greedy_data');
    const modest = await rawJoin(hub, 'modest', 'modest_data');
    const before = hub.memory();
    const body = Buffer.alloc(4 * MIB, 'x');
    const posts = await many(20, () => rawConnect(hub));
    for (const { socket } of posts) {
      socket.write(
        `POST /greedy_data/send?id=greedy&t=undefined HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      socket.write(body.subarray(1));
    }
    await sleep(3 * SETTLED);
    // One client has half of the three quarters that large messages have.
    const took = hub.memory() - before;
    assert.ok(took < 12 * MIB + MARGIN, `${Math.round(took / MIB)} MiB`);
    const began = Date.now();
    const { status } = await request(hub, 'POST /modest_data/send?id=modest&t=undefined', { body });
    assert.equal(status, 200);
    assert.ok(Date.now() - began < 2000, `another client waited ${Date.now() - began} ms`);
    for (const { socket } of posts) {
      socket.write(body.subarray(0, 1));
    }
    await Promise.all(posts.map((post) => post.heard('HTTP/1.1 200 ')));
    leave([...posts, greedy, modest]);
  });

  test('many tiny parts of a body take no more than what is in them', async (t) => {
    const hub = await startHub(t, {});
    const peer = await rawJoin(hub, 'peer-1');
    const before = hub.memory();
    const posts = await many(4, () => rawConnect(hub));
    for (const { socket } of posts) {
      socket.write(
        'POST /mydb_data/send?id=peer-1&t=undefined HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      socket.write('1\r\nx\r\n'.repeat(MIB));
    }
    await sleep(5 * SETTLED);
    const took = hub.memory() - before;
    leave([...posts, peer]);
    assert.ok(took < 4 * 1.5 * MIB + MARGIN, `${Math.round(took / MIB)} MiB for 4`);
  });

  test('what a header announces takes no memory, and what cannot be finished in time is told so', async (t) => {
    const hub = await startHub(t, { maxPayload: 100 * MIB });
    const watcher = await join(hub, 'watcher');
    const before = hub.reserved();
    const peers = await many(20, (n) => rawJoin(hub, `peer-${n}`));
    for (const { socket } of peers) {
      socket.write(Buffer.concat([header(100 * MIB), Buffer.from('x')]));
    }
    await sleep(SETTLED);
    const reserved = hub.reserved() - before;
    assert.ok(reserved < 100 * MIB, `${Math.round(reserved / MIB)} MiB for 20 bytes`);
    await hub.printed(/warning max-unfinished/);
    await sleep(SETTLED);
    const refused = peers.filter((peer) => closeCode(peer.received) === TRY_AGAIN_LATER);
    assert.equal(refused.length, 17, 'there is room for three of the largest messages at a time');
    watcher.send('ping');
    while ((await watcher.next()) !== 'pong') {}
    leave(peers);
    watcher.socket.terminate();
  });

  test('a large message waits for another to be finished, and is not lost', async (t) => {
    const hub = await startHub(t, { maxPayload: 20 * MIB, maxUnfinished: 16 * MIB });
    const reader = await join(hub, 'reader');
    const [first, second] = await many(2, (n) => rawJoin(hub, `peer-${n}`));
    await reader.take(2);
    const length = 8 * MIB;
    first.write(Buffer.concat([header(length), Buffer.alloc(length - 1, 'a')]));
    await sleep(SETTLED);
    second.write(Buffer.concat([header(length), Buffer.alloc(length, 'b')]));
    await sleep(SETTLED);
    assert.deepEqual(await reader.rest(), [], 'there is no room for both');
    first.write('a');
    assert.deepEqual(
      (await reader.take(2)).map((text) => [text.length, text[0]]),
      [
        [length, 'a'],
        [length, 'b'],
      ],
    );
    leave([first, second]);
    reader.socket.terminate();
  });

  test('unfinished fragments take their size, not twice as much', async (t) => {
    const hub = await startHub(t, { maxPayload: 100 * MIB });
    const reader = await join(hub, 'reader');
    const writer = await join(hub, 'writer');
    await reader.next();
    const before = hub.memory();
    const size = 40 * MIB;
    writer.socket.send('x'.repeat(size), { fin: false });
    await sleep(4 * SETTLED);
    const took = hub.memory() - before;
    assert.ok(took < size + MARGIN, `${Math.round(took / MIB)} MiB`);
    writer.socket.send('y', { fin: true });
    assert.equal((await reader.next()).length, size + 1);
    writer.socket.terminate();
    reader.socket.terminate();
  });

  test('what a peak took is given back when it is over', async (t) => {
    const hub = await startHub(t, {});
    const before = hub.memory();
    const slow = await many(3, (n) => rawJoin(hub, `slow-${n}`));
    for (const { socket } of slow) {
      socket.pause();
    }
    const sender = await rawJoin(hub, 'sender');
    const text = Buffer.alloc(100, 'x');
    const burst = Buffer.concat(
      Array(5000)
        .fill([Buffer.from([0x81, 0x80 | 100, 0, 0, 0, 0]), text])
        .flat(),
    );
    for (let sent = 0; sent < 80 * MIB; sent += burst.length) {
      if (!sender.socket.write(burst)) {
        await once(sender.socket, 'drain');
      }
    }
    await sleep(SETTLED);
    const peak = hub.memory();
    assert.ok(peak > before + 64 * MIB, `there is no peak: ${Math.round((peak - before) / MIB)} MiB`);
    leave([...slow, sender]);
    const until = Date.now() + GIVEN_BACK;
    while (hub.memory() > before + MARGIN && Date.now() < until) {
      await sleep(100);
    }
    const kept = hub.memory() - before;
    assert.ok(kept <= MARGIN, `${Math.round(kept / MIB)} MiB of ${Math.round((peak - before) / MIB)} are kept`);
  });
});
