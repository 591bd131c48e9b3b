'use strict';

// A client of the database that does not behave: what it says must not end, block or deceive the real processes.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { join } = require('../support/peer.js');
const { startCluster } = require('./support/cluster.js');
const { defer } = require('./support/scope.js');
const { sleep, until } = require('./support/wait.js');

/** An id of the form that AceBase generates. */
const ME = 'mib3xk2w0000p7q1rzattack';

const MASTER = '[master]';

/** How long a process may take to end after a message that it cannot take, in milliseconds. */
const DEATH = 300;

/** How long a write may take, in milliseconds. */
const PATIENCE = 5000;

/** How long it is watched that a write waits for a lock, in milliseconds. */
const WATCH = 1000;

/** Numbers of locks that are tried. */
const LOCK_NUMBERS = Array.from({ length: 200 }, (_, n) => n + 1);

const RAW = Symbol('written as it is');

/** A member whose JSON is written by hand: `3.0`. */
function raw(text) {
  return { [RAW]: text };
}

/** JSON, but for what is written by hand. */
function json(value) {
  if (value?.[RAW]) {
    return value[RAW];
  }
  if (Array.isArray(value)) {
    return `[${value.map(json)}]`;
  }
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value);
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${json(member)}`)}}`;
}

/** A message of AceBase from this client, unless it says otherwise. */
function message(type, members) {
  return json({ type, from: ME, ...members });
}

function request(id, data, members) {
  return message('request', { to: MASTER, id, data, ...members });
}

function notification(data, members) {
  return message('notification', { data, ...members });
}

/** Deep enough that nobody can write it again. */
const deep = raw(`${'['.repeat(8000)}${']'.repeat(8000)}`);

const range = (pageNr, recordNr, length) => ({ pageNr, recordNr, length });

/** What is sent to all, or with `to` in front to one; `worker` is the id of a real one. */
const ATTACKS = {
  'no JSON': () => [
    '{',
    '{"type":"event"',
    '{"type":"hello","from":"x",}',
    `{"type":"notification","from":"${ME}","data":`,
  ],
  "the hub's own words": ({ worker }) => [
    `disconnect:${MASTER}`,
    `disconnect:${worker}`,
    'welcome:{',
    'welcome:null',
    'welcome:{"maxPayload":0}',
    'get:nothing',
    'pong',
    'connect:somebody',
    `to:${worker};disconnect:${MASTER}`,
    `to:${MASTER};welcome:{`,
  ],
  'events without data': ({ worker }) => [
    '{"type":"event","from":"x"}',
    message('event'),
    message('event', { data: null }),
    message('event', { path: 'watched', event: 'value', data: { val: 1 } }),
    message('event', { path: 'watched', event: 'value', data: { path: 7, val: 1 } }),
    message('event', { path: 'watched', event: 'value', data: { path: 'watched', val: 1, context: 'text' } }),
    `to:${worker};${message('event')}`,
    `{"data":null,"\\u0066rom":"${ME}","type":"\\u0065vent"}`,
    `{ "type": "event", "from": "${ME}" }`,
    `{"type":"hello","from":"${ME}","type":"event"}`,
    `{"type":"event","from":"${ME}","data":{"path":"watched"},"data":null}`,
    `{"type":"event","from":"${ME}","data":{"path":"watched","context":{},"context":"text"}}`,
  ],
  'subscriptions that cannot be': () => [
    message('subscribe'),
    message('subscribe', { data: {} }),
    message('subscribe', { data: { path: 'a', event: 'unheard of' } }),
    message('subscribe', { data: { path: 'constructor', event: 'value' } }),
    message('subscribe', { data: { path: ['__proto__'], event: 'value' } }),
    message('subscribe', { data: { path: '__proto__', event: 'value' } }),
    message('unsubscribe'),
    message('unsubscribe', { data: null }),
  ],
  'answers that nobody waits for': ({ worker }) => [
    message('result', { id: 'unknown', ok: true, data: {} }),
    message('lock-result', { id: 'unknown', from: MASTER, ok: true, data: { id: 1, path: '', tid: 't', write: true } }),
    `to:${worker};${message('lock-result', { id: 'x', from: MASTER, to: worker, ok: true, data: { id: 1 } })}`,
    `to:${worker};${message('unlock-result', { id: 'x', to: worker, ok: true, data: { id: 1 } })}`,
    `to:${MASTER};${message('unlock-result', { id: 'x', ok: true, data: { id: 1 } })}`,
  ],
  'requests to workers': ({ worker }) => [
    `to:${worker};${message('lock-request', { id: 'a', data: { path: 'a', tid: 't', write: true } })}`,
    `to:${worker};${message('unlock-request', { id: 'b', data: { id: 1 } })}`,
    `to:${worker};${message('move-lock-request', { id: 'c', data: { id: 1, move_to: 'parent' } })}`,
    `to:${worker};${request('d', { type: 'fst.release' })}`,
    message('lock-request', { id: 'e', to: MASTER, data: { path: 'a', tid: 't', write: false } }),
    message('move-lock-request', { id: 'f', to: MASTER, data: { id: 1, move_to: 'parent' } }),
  ],
  'requests that no master can take': () =>
    [
      message('unlock-request', { id: 'a' }),
      message('unlock-request', { id: 'b', data: null }),
      message('lock-request', { id: 'c' }),
      message('lock-request', { id: 'd', data: { path: 'a', tid: 't', write: false, comment: deep } }),
      request(deep, { type: 'kit.add', key: 'name' }),
      request('f', { type: 'fst.release' }),
      request('g', { type: 'fst.release', ranges: null }),
      request('h', { type: 'fst.release', ranges: [null] }),
      request('i', { type: 'fst.release', ranges: {} }),
      request('j', { type: 'fst.release', ranges: [range(0, 0, 1), range('1', 0, 1)] }),
      request('k', { type: 'fst.allocate', records: raw('1e15') }),
      request('l', { type: 'fst.allocate', records: '5' }),
      request('m', { type: 'kit.add', key: ['not', 'a', 'text'] }),
      request('n', { type: 'kit.add', key: '' }),
    ].map((text) => `to:${MASTER};${text}`),
  'locks that nobody could release': () =>
    [
      message('lock-request', { id: 'a', data: { path: 7, tid: 'u1', write: true } }),
      message('lock-request', { id: 'b', data: { path: {}, tid: 'u2', write: true } }),
      message('lock-request', { id: 'c', data: { path: 'a', tid: null, write: true } }),
      message('lock-request', { id: 'd', data: { path: 'a', tid: ['u4'] } }),
      message('lock-request', { id: 'e', data: { path: 'a', tid: 'u5' } }),
      message('lock-request', { id: 'f', data: { path: 'a', tid: 'u6', write: 'yes' } }),
      message('lock-request', { id: 6, data: { path: 'a', tid: 'u7', write: true } }),
      message('lock-request', { id: 'g', from: 'somebody', data: { path: 'a', tid: 'u8', write: true } }),
    ].map((text) => `to:${MASTER};${text}`),
  'notifications that end or deceive': ({ worker }) => [
    notification({ type: 'root.update' }),
    notification({ type: 'root.update', address: null }),
    notification({ type: 'root.update', address: { path: '', pageNr: 'x', recordNr: 0 } }),
    notification({ type: 'root.update', address: { path: '', pageNr: raw('1e99'), recordNr: 0 } }),
    notification({ type: 'index.created', fileName: 'no such.idx' }),
    notification({ type: 'index.created', fileName: 'no such.idx' }),
    notification({ type: 'index.deleted', fileName: 'no such.idx' }),
    notification({ type: 'index.deleted', fileName: 'no such.idx' }, { from: MASTER }),
    notification({ type: 'kit.new_key', key: 'wrong', index: 0 }),
    notification({ type: 'kit.new_key', key: 'wrong', index: 0 }, { from: MASTER }),
    notification({ type: 'cache.update', info: { path: 'a' } }, { from: worker }),
  ],
  "farewells in others' names": ({ worker }) => [
    message('bye', { from: MASTER }),
    message('bye', { from: worker }),
    `to:${MASTER};${message('bye', { from: worker })}`,
    message('hello', { from: worker }),
  ],
};

test('a hostile client ends, blocks and deceives nobody', async (t) => {
  const { hub, cluster, workers } = await startCluster(t, { workers: 2, hub: { releaseLocksAfter: WATCH } });
  hub.expectsRefusals = true;
  await workers[1].call('watch', 'watched', 'value');
  const me = await join({ port: hub.port }, ME, { db: cluster.hubName });
  defer(t, () => me.socket.terminate());

  /** Everybody is alive, and what one writes the other hears and reads. */
  async function assertWell(value) {
    await sleep(DEATH);
    cluster.assertAlive();
    assert.equal(me.socket.readyState, me.socket.OPEN, 'the hostile client was not heard');
    const [writer, watcher] = workers;
    await writer.callWithin(PATIENCE, 'set', 'watched', value);
    assert.equal(await watcher.callWithin(PATIENCE, 'get', 'watched'), value);
    await until('the event', PATIENCE, async () => {
      const events = await watcher.call('events');
      return events.some((event) => event.path === 'watched' && event.value === value);
    });
    await cluster.master.callWithin(PATIENCE, 'set', 'from-the-master', value);
    cluster.assertAlive();
  }

  function tryToRelease(numbers, from) {
    for (const text of numbers.flatMap((number) => releases(number, from))) {
      me.send(`to:${MASTER};${text}`);
    }
  }

  await assertWell('before');
  const clients = await hub.child.call('clients', cluster.hubName);
  const worker = clients.find((id) => id !== MASTER && id !== ME);

  for (const [name, attack] of Object.entries(ATTACKS)) {
    await t.test(`${name}: all live, write and hear`, async () => {
      for (const text of attack({ worker })) {
        me.send(text);
      }
      await assertWell(`after ${name}`);
    });
  }

  await t.test('posted over HTTP, they are the same', async () => {
    for (const body of ['{', '{"type":"event","from":"x"}', message('subscribe'), `disconnect:${MASTER}`]) {
      const address = `http://127.0.0.1:${hub.port}/${cluster.hubName}/send?id=${ME}&t=undefined`;
      const response = await fetch(address, { method: 'POST', body });
      assert.equal(response.status, 200);
    }
    await assertWell('after the posts');
  });

  await t.test('a request that is refused is answered', async () => {
    await me.rest();
    me.send(`to:${MASTER};${message('lock-request', { id: 'mine', data: { path: 7, tid: 't', write: true } })}`);
    const answers = (await me.rest()).filter((text) => text.startsWith('{')).map((text) => JSON.parse(text));
    const answer = answers.find(({ id }) => id === 'mine');
    assert.deepEqual([answer.type, answer.ok, answer.to], ['lock-result', false, ME]);
    assert.match(answer.reason, /"path"/);
  });

  await t.test("a worker's write lock stays its own", async () => {
    const [holder, waiting] = workers;
    await holder.call('hold', 'counter');
    const locks = await hub.child.call('locks', cluster.hubName);
    const lock = locks.find(({ state, write }) => state === 'held' && write);
    const isWritten = watch(waiting.callWithin(60_000, 'set', 'patience', 'rewarded'));
    for (const from of [ME, lock.peer, 'acebase-ipc-server', MASTER]) {
      tryToRelease([lock.id], from);
    }
    tryToRelease(LOCK_NUMBERS, ME);
    await sleep(WATCH);
    assert.equal(isWritten(), false, 'two write locks are held at once');
    cluster.assertAlive();
    await holder.end();
    await until('the write', 20_000, isWritten);
    workers[0] = await cluster.startWorker();
  });

  await t.test("the master's write lock stays its own", async () => {
    await workers[0].callWithin(PATIENCE, 'set', 'counter', 1);
    await cluster.master.call('hold', 'counter');
    const isWritten = watch(workers[0].callWithin(60_000, 'set', 'patience', 'in vain'));
    tryToRelease(LOCK_NUMBERS, ME);
    await sleep(WATCH);
    assert.equal(isWritten(), false, 'two write locks are held at once');
  });

  await t.test('one warning tells of it, and from whom', async () => {
    assert.deepEqual(await hub.child.call('warnings'), ['message-refused']);
    assert.match(hub.child.lastWords, new RegExp(ME));
  });
});

test('a worker survives a master that answers twice, or what nobody asked', async (t) => {
  const { hub, cluster, master, workers } = await startCluster(t, { workers: 1 });
  hub.expectsRefusals = true;
  await workers[0].call('set', 'before', 1);
  const [id] = (await hub.child.call('clients', cluster.hubName)).filter((client) => client !== MASTER);
  await master.end();
  const me = await join({ port: hub.port }, MASTER, { db: cluster.hubName });
  defer(t, () => me.socket.terminate());
  const written = workers[0].callWithin(60_000, 'set', 'during', 2);
  written.catch(() => {});
  const asked = await until('a lock request', PATIENCE, () => nextRequest(me));
  const { path, tid, write } = asked.data;
  const data = { id: 1, path, tid, write, expires: Date.now() + 60_000, comment: '' };
  for (const request of [asked.id, asked.id, 'unheard-of']) {
    me.send(`to:${id};${json({ type: 'lock-result', id: request, from: MASTER, to: id, ok: true, data })}`);
  }
  me.send(`to:${id};${json({ type: 'result', id: asked.id, ok: true, from: MASTER, to: id, data: {} })}`);
  me.send(json({ type: 'lock-result', id: asked.id, from: MASTER, to: id, ok: true, data }));
  await sleep(DEATH);
  cluster.assertAlive([master]);
});

test('an index that one process deletes is gone for all, which live on', async (t) => {
  const { cluster, master, workers } = await startCluster(t, { workers: 2 });
  const everybody = [master, ...workers];
  const all = (condition) => async () => {
    const known = await Promise.all(everybody.map((process) => process.call('indexes')));
    return known.every(condition);
  };
  await workers[0].call('set', 'people/ann', { name: 'Ann' });
  const [fileName] = await workers[0].call('createIndex', 'people', 'name');
  await until(
    'the index',
    PATIENCE,
    all((names) => names.length === 1),
  );
  await workers[1].call('deleteIndex', fileName);
  await until(
    'the end of the index',
    PATIENCE,
    all((names) => names.length === 0),
  );
  await workers[0].callWithin(PATIENCE, 'set', 'people/bob', { name: 'Bob' });
  cluster.assertAlive();
});

/** The next request for a lock that a master hears. */
async function nextRequest(master) {
  const text = await master.next();
  return text.startsWith('{"type":"lock-request"') && JSON.parse(text);
}

/** Whether a promise is fulfilled by now. */
function watch(promise) {
  let isFulfilled = false;
  promise.then(
    () => {
      isFulfilled = true;
    },
    () => {},
  );
  return () => isFulfilled;
}

/** Requests for the release, and for the move, of a lock, in every way in which a number can be written. */
function releases(number, from) {
  const numbers = [number, raw(`${number}.0`), raw(`${number}e0`)];
  return numbers.flatMap((id, n) => [
    message('unlock-request', { from, id: `unlock-${number}-${n}`, data: { id } }),
    message('move-lock-request', { from, id: `move-${number}-${n}`, data: { id, move_to: 'parent' } }),
    `{"data":{"\\u0069d":${number}},"id":"odd-${number}-${n}","\\u0066rom":${JSON.stringify(from)},"type":"unlock-request"}`,
  ]);
}
