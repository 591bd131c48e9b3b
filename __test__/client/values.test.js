'use strict';

// Values keep their types on their way, and published clients read the same text as ever.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { ID, PathReference, Transport } = require('acebase-core');

const { Values } = require('../../lib/client/values.js');

const values = new Values(Transport);

const WHEN = new Date('2024-01-02T03:04:05.678Z');

function event(val) {
  return { type: 'event', from: 'a', to: 'b', path: 'p', event: 'value', data: { path: 'p', val, context: {} } };
}

function there(val) {
  return values.read(values.write(event(val))).data.val;
}

test('dates, numbers beyond all, binary values, references and expressions arrive as they are', () => {
  assert.deepEqual(there(WHEN), WHEN);
  assert.equal(there(12345678901234567890n), 12345678901234567890n);
  assert.deepEqual(new Uint8Array(there(new Uint8Array([1, 2, 3]).buffer)), new Uint8Array([1, 2, 3]));
  assert.deepEqual(new Uint8Array(there(new Uint8Array([9, 1, 2, 3]).subarray(1))), new Uint8Array([1, 2, 3]));
  assert.deepEqual(there(new PathReference('a/b')), new PathReference('a/b'));
  assert.deepEqual(there(/a.b/gi), /a.b/gi);
});

test('so do those within objects and lists', () => {
  const val = { list: [1, { when: WHEN }, null], nothing: null, deep: { big: 1n, text: 'x' } };
  assert.deepEqual(there(val), val);
});

test('what is sent is not changed by it', () => {
  const val = { when: WHEN, list: [1n] };
  values.write(event(val));
  assert.deepEqual(val, { when: WHEN, list: [1n] });
});

test('a message of plain data is the text that published clients send', () => {
  const plain = event({ a: [1, 'x', null, true], b: { c: undefined } });
  assert.equal(values.write(plain), JSON.stringify(plain));
  const request = {
    type: 'lock-request',
    id: ID.generate(),
    from: 'a',
    to: '[master]',
    data: { path: 'p', write: true },
  };
  assert.equal(values.write(request), JSON.stringify(request));
});

test('a published client reads dates and references as it always has', () => {
  const { data } = JSON.parse(values.write(event({ when: WHEN, to: new PathReference('a/b') })));
  assert.deepEqual(data.val, JSON.parse(JSON.stringify({ when: WHEN, to: new PathReference('a/b') })));
});

test('classes without a form of their own are as JSON has them', () => {
  class Address {
    pageNr = 1;
    get isThere() {
      return true;
    }
  }
  const val = { address: new Address(), when: WHEN };
  assert.deepEqual(there(val), { address: { pageNr: 1 }, when: WHEN });
});

test('places that are not there, or not own, are an error, and nothing else', () => {
  for (const types of [[[['data', 'none', 'x'], 'date']], [[['__proto__', 'x'], 'date']], [1], [[[], 'date']]]) {
    assert.throws(() => values.read(JSON.stringify({ ...event(1), types })));
  }
  assert.equal({}.x, undefined);
});

test('what refers to itself is an error', () => {
  const loop = {};
  loop.loop = loop;
  assert.throws(() => values.write(event(loop)));
});
