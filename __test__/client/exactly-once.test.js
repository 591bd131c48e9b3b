'use strict';

// The extension, both sides, in any interleaving: connections are cut with what is on its way in them, hubs crash, and
// each message arrives once and in order nevertheless. The hub is a model of the specification.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { BEGINNINGS, Conversation, HEARD } = require('../../lib/client/conversation.js');
const { KINDS } = require('../../lib/client/outgoing.js');
const { randomFrom } = require('../support/random.js');
const { HubModel } = require('./support/hub-model.js');

/** How many random runs there are, and how many steps each has. */
const RUNS = Number(process.env.MODEL_RUNS ?? 400);
const STEPS = 400;

/** Rounds within which everything must come to rest at the end. */
const MAX_ROUNDS = 200;

const IDS = ['[master]', 'worker-a', 'worker-b'];

/** One client, and its connection: frames on their way, both ways. */
class Client {
  conversation = new Conversation();
  isConnected = false;
  upward = [];
  downward = [];
  heard = [];
  sent = 0;
  beginnings = [];

  constructor(id) {
    this.id = id;
  }
}

class World {
  #crashes = 0;
  hub = new HubModel('hub-0');
  clients = IDS.map((id) => new Client(id));
  expected = new Map(IDS.map((id) => [id, []]));

  constructor(random) {
    this.random = random;
    for (const client of this.clients) {
      this.connect(client);
    }
  }

  get #any() {
    return this.clients[this.random(this.clients.length)];
  }

  connect(client) {
    if (client.isConnected) {
      return;
    }
    const { welcome, frames } = this.hub.connect(client.id, new URLSearchParams(client.conversation.offer));
    client.isConnected = true;
    client.upward = [];
    client.downward = frames;
    const others = IDS.filter((id) => id !== client.id);
    const { beginning } = client.conversation.open(welcome, () => ({ locks: [], requests: [], peers: others }));
    client.beginnings.push(beginning);
  }

  /** What was on its way is gone, but for a first part. */
  cut(client) {
    if (client.isConnected) {
      this.#deliver(client, this.random(client.upward.length + 1), this.random(client.downward.length + 1));
      client.isConnected = false;
      this.hub.lose(client.id);
    }
  }

  crash() {
    for (const client of this.clients) {
      this.cut(client);
    }
    this.hub = new HubModel(`hub-${++this.#crashes}`);
  }

  say(client) {
    const body = `${client.id} ${++client.sent}`;
    const to = this.random(2) === 0 ? undefined : IDS.filter((id) => id !== client.id)[this.random(2)];
    for (const id of to ? [to] : IDS) {
      if (id !== client.id) {
        this.expected.get(id).push(body);
      }
    }
    client.conversation.outgoing.add({ text: to ? `to:${to};${body}` : body, kind: KINDS.duty });
  }

  /** The client writes some of what it has to say. */
  write(client, most) {
    for (let n = 0; n < most && client.isConnected; n++) {
      const frame = client.conversation.next();
      if (frame === undefined) {
        return;
      }
      client.upward.push(frame);
    }
  }

  acknowledge(client) {
    const frame = client.isConnected && client.conversation.acknowledge();
    if (frame) {
      client.upward.push(frame);
    }
  }

  #deliver(client, up, down) {
    if (!client.isConnected) {
      return;
    }
    for (const frame of client.upward.splice(0, up)) {
      for (const { to, frame: out } of this.hub.hear(client.id, frame)) {
        const receiver = this.clients.find(({ id }) => id === to);
        if (receiver.isConnected) {
          receiver.downward.push(out);
        }
      }
    }
    for (const frame of client.downward.splice(0, down)) {
      const { kind, text } = client.conversation.hear(frame);
      assert.notEqual(kind, HEARD.nonsense, frame);
      if (kind === HEARD.text) {
        client.heard.push(text);
      }
    }
  }

  step() {
    const client = this.#any;
    const action = this.random(100);
    if (action < 30) {
      this.say(client);
    } else if (action < 55) {
      this.write(client, 1 + this.random(5));
    } else if (action < 80) {
      this.#deliver(client, this.random(4), this.random(4));
    } else if (action < 86) {
      this.acknowledge(client);
    } else if (action < 90) {
      this.cut(client);
    } else if (action < 99) {
      this.connect(client);
    } else {
      this.crash();
    }
  }

  /** No more faults: until nobody has anything left. */
  settle() {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      for (const client of this.clients) {
        this.connect(client);
        this.write(client, Number.POSITIVE_INFINITY);
        this.#deliver(client, client.upward.length, client.downward.length);
        this.acknowledge(client);
      }
      if (this.clients.every(({ conversation, upward, downward }) => isAtRest(conversation, upward, downward))) {
        return;
      }
    }
    assert.fail('it does not come to rest');
  }
}

function isAtRest(conversation, upward, downward) {
  return conversation.outgoing.isEmpty && !conversation.owes && upward.length + downward.length === 0;
}

test('each message arrives once, and in the order of its sender', () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const world = new World(randomFrom(seed));
    for (let step = 0; step < STEPS; step++) {
      world.step();
    }
    world.settle();
    for (const { id, heard } of world.clients) {
      for (const sender of IDS) {
        const from = (bodies) => bodies.filter((body) => body.startsWith(`${sender} `));
        assert.deepEqual(from(heard), from(world.expected.get(id)), `seed ${seed}: from ${sender} to ${id}`);
      }
    }
  }
});

test('the runs have all that they are about: cuts, resumptions and crashes', () => {
  const beginnings = new Set();
  for (let seed = 1; seed <= 10; seed++) {
    const world = new World(randomFrom(seed));
    for (let step = 0; step < STEPS; step++) {
      world.step();
    }
    for (const client of world.clients) {
      for (const beginning of client.beginnings.slice(1)) {
        beginnings.add(beginning);
      }
    }
  }
  assert.deepEqual([...beginnings].sort(), [BEGINNINGS.fresh, BEGINNINGS.resumed]);
});
