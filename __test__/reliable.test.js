'use strict';

// The extension, as a raw client of it sees it (docs/extension.md): one body, run over each transport.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { end, makeScene } = require('./support/kept-port.js');
const { connect, join } = require('./support/peer.js');
const { noKeeper } = require('./support/platform.js');
const { Life } = require('./support/reliable-peer.js');
const { startServer, TRANSPORTS } = require('./support/server.js');

/** Ids of AceBase's form: the sessions of such peers are kept. */
const ANN = 'annannannannannannannann';
const BOB = 'bobbobbobbobbobbobbobbob';

const MAX_MESSAGE_SIZE = 100_000;

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, { skip: transport.skip }, () =>
    specify((t, config) => startServer(t, { ...transport.config(), maxMessageSize: MAX_MESSAGE_SIZE, ...config })),
  );
}

/** @param {(t: import('node:test').TestContext, config?: object) => Promise<any>} start */
function specify(start) {
  test('a client that asks for it gets a session, and another one does not', async (t) => {
    const server = await start(t);
    const ann = await new Life(ANN).join(server);
    const { session, ...terms } = ann.terms;
    assert.deepEqual(terms, { had: 0, resumed: false, told: false, maxMessage: MAX_MESSAGE_SIZE, fences: true });
    const plain = await connect(server, 'plain-1');
    assert.equal(JSON.parse((await plain.next()).replace(/^welcome:/, '')).reliable, undefined);
  });

  test('what a peer acknowledges is acknowledged to its sender, and no sooner', async (t) => {
    const server = await start(t);
    const ann = await new Life(ANN).join(server);
    const bob = await new Life(BOB).join(server);
    ann.say(`to:${BOB};hello`);
    ann.say('to:all;everybody');
    assert.equal(await bob.nextOf(ann), '1 hello');
    assert.equal(await bob.nextOf(ann), '2 everybody');
    ann.peer.send('ping');
    const early = await untilPong(ann);
    assert.deepEqual(early.filter(isAcknowledgement), []);
    bob.acknowledge();
    assert.equal(await ann.nextAcknowledgement(), 2);
  });

  test('what a client without it gets has reached its end', async (t) => {
    const server = await start(t);
    const plain = await join(server, 'plain-1');
    const ann = await new Life(ANN).join(server);
    ann.say('to:plain-1;hello');
    assert.equal(await ann.nextAcknowledgement(), 1);
    assert.deepEqual(await plain.take(2), [`connect:${ANN}`, 'hello']);
    plain.send(`to:${ANN};hi`);
    assert.equal(await ann.next(), '# hi');
  });

  test('a connection that breaks loses nothing and doubles nothing', async (t) => {
    const server = await start(t);
    const ann = await new Life(ANN).join(server);
    const bob = await new Life(BOB).join(server);
    ann.say(`to:${BOB};one`);
    ann.say(`to:${BOB};two`);
    await bob.nextOf(ann);
    const { had } = bob;
    await bob.nextOf(ann);
    await bob.cut();
    ann.say(`to:${BOB};three`);
    await untilHad(ann);
    // It may have read more than it has dealt with.
    await bob.join(server, { had });
    assert.equal(bob.terms.resumed, true);
    assert.equal(await bob.nextOf(ann), '2 two');
    assert.equal(await bob.nextOf(ann), '3 three');
    bob.acknowledge();
    assert.equal(await ann.nextAcknowledgement(), 3);

    await ann.cut();
    await ann.join(server);
    assert.deepEqual([ann.terms.resumed, ann.terms.had], [true, 3]);
    assert.equal(await ann.nextAcknowledgement(), 3);
    ann.peer.send(`#3 to:${BOB};three`);
    ann.say(`to:${BOB};four`);
    assert.equal(await bob.nextOf(ann), '4 four');
  });

  test('another life under the same id begins anew', async (t) => {
    const server = await start(t);
    const ann = await new Life(ANN).join(server);
    await ann.cut();
    const another = new Life(ANN, 'another0000000000000000');
    another.terms = ann.terms;
    await another.join(server);
    assert.equal(another.terms.resumed, false);
    assert.notEqual(another.terms.session, ann.terms.session);
  });

  test('what a client sends again goes to those only who know doubles', async (t) => {
    const server = await start(t);
    const plain = await join(server, 'plain-1');
    const ann = await new Life(ANN).join(server);
    const bob = await new Life(BOB).join(server);
    ann.peer.send('!7 to:all;again');
    ann.peer.send('!9 to:plain-1;again');
    ann.peer.send('#10 to:all;new');
    assert.equal(await bob.nextOf(ann), '7 again');
    assert.equal(await bob.nextOf(ann), '10 new');
    assert.deepEqual((await plain.take(3)).slice(2), ['new']);
  });

  test('a peer that others know is waited for after a crash', async (t) => {
    const server = await start(t);
    const ann = await new Life(ANN).join(server);
    ann.peer.send(`~${JSON.stringify({ locks: [], requests: [], peers: [BOB] })}`);
    ann.peer.send(`!1 to:${BOB};again`);
    ann.peer.send('#2 to:all;new');
    await untilHad(ann);
    const bob = await new Life(BOB).join(server);
    assert.equal(await bob.nextOf(ann), '1 again');
    assert.equal(await bob.nextOf(ann), '2 new');
  });

  test('who breaks the rules is closed with 1002', async (t) => {
    const server = await start(t);
    for (const odd of ['to:all;x', '#x y', '=1000', '~no JSON', '#9007199254740992 x']) {
      const ann = await new Life(ANN).join(server);
      ann.peer.send(odd);
      assert.equal((await ann.peer.closed).code, 1002, odd);
    }
  });

  test('large messages go over the socket, whatever others are told', async (t) => {
    const server = await start(t, { maxPayload: 100, largeMessages: 'download' });
    const ann = await new Life(ANN).join(server);
    const bob = await new Life(BOB).join(server);
    const plain = await join(server, 'plain-1');
    const large = 'x'.repeat(50_000);
    ann.say(`to:all;${large}`);
    assert.equal(await bob.nextOf(ann), `1 ${large}`);
    assert.match(await plain.next(), /^get:/);
    ann.say('y'.repeat(MAX_MESSAGE_SIZE));
    assert.equal((await ann.peer.closed).code, 1009);
  });
}

/** A server whose port is kept, with two clients of which one has had a message of the other. */
async function makeSceneOfTwo(t) {
  const scene = await makeScene(t);
  const first = await scene.hub();
  const ann = await new Life(ANN).join(scene);
  const bob = await new Life(BOB).join(scene);
  ann.say(`to:${BOB};one`);
  assert.equal(await bob.nextOf(ann), '1 one');
  return { scene, first, ann, bob };
}

describe('as servers change', { skip: noKeeper }, () => {
  test('a server that hands over passes the session on, and what nobody has had', async (t) => {
    const { scene, first, ann, bob } = await makeSceneOfTwo(t);
    const { had } = bob;
    ann.say(`to:${BOB};two`);
    assert.equal(await bob.nextOf(ann), '2 two');
    await end(first, 'SIGINT');
    await scene.hub();
    ann.say(`to:${BOB};three`);
    assert.equal(await bob.nextOf(ann), '3 three');
    await bob.cut();
    await bob.join(scene, { had });
    assert.equal(bob.terms.resumed, true);
    assert.equal(await bob.nextOf(ann), '2 two');
    assert.equal(await bob.nextOf(ann), '3 three');
    bob.acknowledge();
    assert.equal(await ann.nextAcknowledgement(), 3);
  });

  test('what a server has lost in a crash is still with its sender, and comes after it', async (t) => {
    const { scene, first, ann, bob } = await makeSceneOfTwo(t);
    ann.say(`to:${BOB};two`);
    await untilHad(ann);
    await end(first, 'SIGKILL');
    await scene.hub();
    await ann.join(scene);
    assert.deepEqual([ann.terms.resumed, ann.terms.told, ann.terms.had], [false, false, 0]);
    ann.peer.send(`~${JSON.stringify({ locks: [], requests: [], peers: [BOB] })}`);
    ann.peer.send(`!1 to:${BOB};one`);
    ann.peer.send(`!2 to:${BOB};two`);
    ann.say(`to:${BOB};three`);
    await untilHad(ann);
    await bob.join(scene);
    bob.peer.send(`~${JSON.stringify({ locks: [], requests: [], peers: [ANN] })}`);
    const got = [await bob.nextOf(ann), await bob.nextOf(ann), await bob.nextOf(ann)];
    assert.deepEqual(got, ['1 one', '2 two', '3 three']);
    bob.acknowledge();
    assert.equal(await ann.nextAcknowledgement(), 3);
  });
});

const isAcknowledgement = (frame) => frame.startsWith('=');

/** What a life hears until its `ping` is answered. */
async function untilPong(life) {
  const heard = [];
  for (;;) {
    const frame = await life.next();
    if (frame === 'pong') {
      return heard;
    }
    heard.push(frame);
  }
}

/** Waits until the hub has had what a life has said. */
async function untilHad(life) {
  life.peer.send('ping');
  await untilPong(life);
}
