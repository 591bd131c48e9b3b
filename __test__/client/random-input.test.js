'use strict';

// What comes over the wire may be anything: none of it throws, each word means one thing, and nothing that is new is
// taken for a double. Each test has its share of a few seconds; what fails names its seed.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { PathInfo, PathReference, Transport } = require('acebase-core');

const { Conversation, HEARD } = require('../../lib/client/conversation.js');
const { Grants } = require('../../lib/client/grants.js');
const { Incoming } = require('../../lib/client/incoming.js');
const { Listener } = require('../../lib/client/listener.js');
const { KINDS, MAX_UNACKNOWLEDGED } = require('../../lib/client/outgoing.js');
const { OwnLocks } = require('../../lib/client/own-locks.js');
const { Values } = require('../../lib/client/values.js');
const { readAcknowledgement, readNumbered, readWelcome } = require('../../lib/client/words.js');
const { randomFrom } = require('../support/random.js');

/** How long each of the tests goes on, in milliseconds; and with fewer seeds than these it has shown nothing. */
const SHARE = Number(process.env.RANDOM_MS ?? 700);
const FEWEST_SEEDS = 20;

/** Of which frames are made, so that some of them are right, and others nearly. */
const PIECES = [
  ...['#', '=', '!', '~', ' ', ',', '0', '1', '7', '42', '9007199254740991', '9007199254740992', '99999999999999999'],
  ...['-1', '+1', '1e3', '0x10', '١', 'welcome:', 'pong', 'get:', 'disconnect:', 'life', 'abcdefghijklmnop'],
  ...[
    '{',
    '}',
    '"',
    'null',
    '[]',
    '{"type":"event"}',
    '{"reliable":{"session":"s","had":0}}',
    '\n',
    '\u0000',
    '\ud800',
  ],
  ...['{"types":[[["a"],"date"]]}', '{"type":"lock-result","id":"x","ok":true}', '{"type":"unsubscribe"}', '1.5'],
];

/** A numbered frame as docs/extension.md has it. */
const NUMBERED = /^#(?:([^ ,]+),([1-9]\d{0,15}))? ([\s\S]*)$/;

function forAWhile(check) {
  const end = performance.now() + SHARE;
  let seed = 0;
  while (performance.now() < end || seed < FEWEST_SEEDS) {
    seed++;
    try {
      check(randomFrom(seed));
    } catch (error) {
      error.message = `seed ${seed}: ${error.message}`;
      throw error;
    }
  }
}

const pick = (random, list) => list[random(list.length)];

function anyFrame(random) {
  return Array.from({ length: random(8) }, () => pick(random, PIECES)).join('');
}

test('a numbered frame is what the specification says, and nothing else is', () => {
  forAWhile((random) => {
    for (let n = 0; n < 50; n++) {
      const frame = `#${anyFrame(random)}`;
      const [, life, number, text] = NUMBERED.exec(frame) ?? [];
      const isOne = text !== undefined && (number === undefined || Number.isSafeInteger(Number(number)));
      const read = readNumbered(frame);
      assert.equal(read !== undefined, isOne, JSON.stringify(frame));
      if (isOne) {
        assert.deepEqual([read.text, read.life, read.number], [text, life, number && Number(number)]);
      }
    }
  });
});

test('an acknowledgement is a whole number as it is written', () => {
  forAWhile((random) => {
    for (let n = 0; n < 50; n++) {
      const frame = `=${anyFrame(random)}`;
      const number = readAcknowledgement(frame);
      if (number !== undefined) {
        assert.equal(frame, `=${number}`);
      }
      const known = random(2 ** 31);
      assert.equal(readAcknowledgement(`=${known}`), known);
    }
  });
});

test('a conversation takes any frame, at any time, and goes on', () => {
  forAWhile((random) => {
    const conversation = new Conversation();
    for (let n = 0; n < 50; n++) {
      const welcome = readWelcome(random(2) ? anyFrame(random) : `welcome:${anyFrame(random)}`);
      if (welcome && random(4) === 0) {
        conversation.open(welcome);
      }
      if (random(3) === 0) {
        conversation.open({
          reliable: { session: pick(random, ['s', 't']), had: random(5), resumed: random(2) === 1 },
        });
      }
      conversation.outgoing.add({ text: 'text', kind: KINDS.duty });
      const { kind, text } = conversation.hear(anyFrame(random));
      assert.ok(kind in HEARD);
      assert.ok(kind !== HEARD.text || typeof text === 'string');
      const frame = random(2) ? conversation.next() : conversation.acknowledge();
      assert.ok(frame === undefined || !conversation.isReliable || /^([#!]\d+ text|=\d+|~\{.*\})$/.test(frame), frame);
    }
  });
});

test('what has been had is known, and nothing else is taken for it', () => {
  forAWhile((random) => {
    const incoming = new Incoming();
    const lives = ['one', 'two', 'three'].map((life) => ({ life, seen: new Set(), highest: 0 }));
    for (let n = 0; n < 400; n++) {
      const sender = pick(random, lives);
      const ahead = random(50) === 0 ? random(2 * MAX_UNACKNOWLEDGED) : random(4);
      const back = random(3) === 0 ? random(random(8) === 0 ? 2 * MAX_UNACKNOWLEDGED : 40) : 0;
      const number = Math.max(1, sender.highest + ahead - back);
      const canBeNew = number > sender.highest - MAX_UNACKNOWLEDGED && !sender.seen.has(number);
      assert.equal(incoming.accept(sender.life, number), canBeNew, `${sender.life},${number}`);
      sender.seen.add(number);
      sender.highest = Math.max(sender.highest, number);
      assert.ok(incoming.accept());
    }
    assert.equal(incoming.had, 800);
  });
});

const values = new Values(Transport);

/** @returns {unknown} Something that AceBase stores. */
function anyValue(random, depth = 0) {
  const plain = [null, true, 0, -1.5, '', 'text', 'x'.repeat(20), new Date(random(2 ** 31)), BigInt(random(9)) ** 40n];
  const rare = [new PathReference('a/b'), /a.b/gi, new Uint8Array([random(256), 2]).buffer];
  if (depth > 4 || random(3) > 0) {
    return pick(random, random(3) ? plain : rare);
  }
  const parts = Array.from({ length: random(4) }, () => anyValue(random, depth + 1));
  const keys = ['types', 'value', 'path', '0', 'a.b', 'type', 'to'];
  return random(2) ? parts : Object.fromEntries(parts.map((part) => [pick(random, keys), part]));
}

test('values of any shape arrive as they are', () => {
  forAWhile((random) => {
    const data = { path: 'p', val: anyValue(random), previous: anyValue(random) };
    const message = { type: 'event', from: 'a', to: 'b', data };
    const read = values.read(values.write(message));
    assert.deepEqual(read.data, data);
  });
});

test('texts of any kind do a listener no harm', () => {
  const peer = {
    id: 'me',
    masterPeerId: '[master]',
    peers: [{ id: 'life' }],
    remoteSubscriptions: [],
    _locks: [],
    _requests: new Map(),
    handleMessage: async () => {},
    removePeer: () => {},
  };
  const requests = { answer: () => 'unknown', othersMoved: () => {} };
  const grants = new Grants();
  const means = { parentOf: (path) => PathInfo.get(path).parentPath, isConnected: () => true, send() {}, flush() {} };
  const listener = new Listener(
    peer,
    requests,
    values,
    { grants, ownLocks: new OwnLocks(peer, grants, 0, means) },
    () => {},
    () => true,
  );
  forAWhile((random) => {
    const whole = values.write({ type: 'event', from: 'a', data: { val: anyValue(random) } });
    const at = random(whole.length);
    for (const text of [
      anyFrame(random),
      `{${anyFrame(random)}`,
      whole.slice(0, at) + anyFrame(random) + whole.slice(at),
    ]) {
      listener.hear(text, random(2) ? 'life' : undefined);
      listener.hearHub(text);
    }
  });
  assert.equal({}.a, undefined);
});
