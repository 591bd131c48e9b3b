'use strict';

// Where hubs ask for tokens, who ends a client's session or traces must show one that opens the database, or the
// general one, which is the operator's for all databases; at any hub.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { getsIn, join } = require('../support/peer.js');
const { noRedis } = require('../support/redis.js');
const { trace } = require('./support/trace.js');
const { bearer, DB, GENERAL, OWN_TOKEN, SPECIAL, STRANGE, startWithTokens } = require('./support/tokens.js');

const HUBS = { 'its owner': 0, 'a hub that has not got it': 1 };

describe('a database with a token of its own', { skip: noRedis }, () => {
  for (const [where, number] of Object.entries(HUBS)) {
    test(`is operated on at ${where} with its token and with the general one, not with others`, async (t) => {
      const hubs = await startWithTokens(t, { settings: OWN_TOKEN, opens: SPECIAL });
      const hub = hubs[number];
      const deeds = [`POST /kick?db=${DB}&client=peer-1`, `POST /trace?db=${DB}`];
      const peer = await join(hubs[0], 'peer-1', { token: SPECIAL });
      for (const token of [undefined, 'wrong', STRANGE]) {
        for (const deed of deeds) {
          assert.equal((await hub.ask(deed, { headers: bearer(token) })).status, 401, `${deed} with ${token}`);
        }
      }
      for (const token of [SPECIAL, GENERAL]) {
        const texts = await trace(hub, { db: DB, token }, () => peer.send(`to:all;said under ${token}`));
        assert.ok(
          texts.some((text) => text.includes(`said under ${token}`)),
          texts.join(),
        );
      }
      assert.deepEqual(await peer.rest(), [], 'nobody has closed it, or said anything');
      // The general token is the operator's: no client comes in with it.
      assert.equal(await getsIn(hub, 'peer-2', { token: GENERAL }), false);
      assert.equal((await hub.ask(deeds[0], { headers: bearer(GENERAL) })).body, 'kicked');
      assert.equal((await peer.closed).code, 1000);
      const back = await join(hubs[1], 'peer-1', { token: SPECIAL });
      assert.equal((await hub.ask(deeds[0], { headers: bearer(SPECIAL) })).body, 'kicked');
      assert.equal((await back.closed).code, 1000);
    });
  }
});
