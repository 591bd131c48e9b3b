'use strict';

// What waits to be sent, and what is not acknowledged: in order, and in bounds.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { KINDS, MAX_KEPT, MAX_UNACKNOWLEDGED, MAX_WAITING, Outgoing } = require('../../lib/client/outgoing.js');

function filled(count, kind = KINDS.duty) {
  const outgoing = new Outgoing();
  for (let n = 1; n <= count; n++) {
    outgoing.add({ text: `${n}`, kind, id: `id-${n}` });
  }
  return outgoing;
}

function take(outgoing, count = Number.POSITIVE_INFINITY) {
  const taken = [];
  for (let entry = taken; taken.length < count && entry; ) {
    entry = outgoing.takeNumbered();
    entry && taken.push(entry);
  }
  return taken;
}

const numbers = (entries) => entries.map(({ number }) => number);

test('numbers ascend from 1, and stay with their messages', () => {
  const outgoing = filled(3);
  assert.deepEqual(numbers(take(outgoing)), [1, 2, 3]);
  outgoing.acknowledge(1);
  outgoing.resume(1);
  assert.deepEqual(numbers(take(outgoing)), [2, 3]);
});

test('what a session has had is not sent again, and kept until it is acknowledged', () => {
  const outgoing = filled(3);
  take(outgoing);
  outgoing.resume(3);
  assert.deepEqual(take(outgoing), []);
  assert.equal(outgoing.size, 3);
  outgoing.acknowledge(3);
  assert.ok(outgoing.isEmpty);
});

test('another session is given everything; what was sent before is uncertain', () => {
  const outgoing = filled(3);
  take(outgoing, 2);
  outgoing.restart();
  assert.deepEqual(
    take(outgoing).map(({ number, isUncertain }) => [number, Boolean(isUncertain)]),
    [
      [1, true],
      [2, true],
      [3, false],
    ],
  );
});

test('there are never more numbers than receivers remember', () => {
  const outgoing = filled(MAX_UNACKNOWLEDGED + 10);
  assert.equal(take(outgoing).length, MAX_UNACKNOWLEDGED);
  outgoing.acknowledge(4);
  assert.deepEqual(
    numbers(take(outgoing)),
    [1, 2, 3, 4].map((n) => MAX_UNACKNOWLEDGED + n),
  );
});

test('requests wait where half of that is unacknowledged, and come in their order when there is room', () => {
  const outgoing = filled(MAX_UNACKNOWLEDGED / 2);
  outgoing.add({ text: 'request 1', kind: KINDS.request, id: 'r1' });
  outgoing.add({ text: 'request 2', kind: KINDS.request, id: 'r2' });
  outgoing.add({ text: 'release', kind: KINDS.duty });
  assert.deepEqual(take(outgoing).at(-1).text, 'release');
  outgoing.acknowledge(3);
  assert.deepEqual(
    take(outgoing).map(({ text }) => text),
    ['request 1', 'request 2'],
  );
});

test('long texts make requests wait as well', () => {
  const outgoing = new Outgoing();
  outgoing.add({ text: 'x'.repeat(64 * 1024 * 1024), kind: KINDS.news });
  outgoing.add({ text: 'request', kind: KINDS.request, id: 'r' });
  assert.equal(take(outgoing).length, 1);
});

test('there are bounds: requests and news beyond are not taken, duties are', () => {
  const outgoing = filled(MAX_KEPT, KINDS.news);
  assert.equal(outgoing.add({ text: 'x', kind: KINDS.news }), false);
  assert.equal(outgoing.add({ text: 'x', kind: KINDS.duty }), true);
  for (let n = 0; n < MAX_WAITING; n++) {
    assert.ok(outgoing.add({ text: 'x', kind: KINDS.request, id: `r${n}` }));
  }
  assert.equal(outgoing.add({ text: 'x', kind: KINDS.request, id: 'r' }), false);
});

test('a request is taken back, unless it was sent', () => {
  const outgoing = filled(3, KINDS.request);
  take(outgoing, 1);
  assert.deepEqual([...outgoing.unsent], ['id-2', 'id-3']);
  assert.equal(outgoing.withdraw('id-1'), false);
  assert.equal(outgoing.withdraw('id-2'), true);
  assert.deepEqual(
    take(outgoing).map(({ text }) => text),
    ['3'],
  );
});

test('a hub without the extension is sent what was never sent, and what may come twice', () => {
  const outgoing = filled(1, KINDS.request);
  outgoing.add({ text: 'release', kind: KINDS.duty, canComeTwice: true });
  outgoing.add({ text: 'news', kind: KINDS.news });
  take(outgoing);
  outgoing.add({ text: 'never sent', kind: KINDS.news });
  assert.deepEqual(
    outgoing.giveUpSent().map(({ text }) => text),
    ['1', 'news'],
  );
  assert.equal(outgoing.takePlain().text, 'release');
  assert.equal(outgoing.takePlain().text, 'never sent');
  assert.ok(outgoing.isEmpty);
});
