'use strict';

// What the configuration object may be, and what is said about one that it may not.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { readConfig, toAddon } = require('../lib/config/config.js');
const { startServer } = require('./support/server.js');

function messageOf(config) {
  try {
    readConfig(config);
  } catch (error) {
    assert.ok(error instanceof TypeError, `${error.stack}`);
    return error.message;
  }
  return assert.fail('a TypeError was expected');
}

test('what is given is taken, and nothing else', () => {
  const config = { port: 0, token: 'secret', allowedOrigins: ['https://a.example'], introductions: false };
  assert.deepEqual(readConfig(config), { options: config, doubts: [] });
});

test('an option that is undefined is absent', () => {
  const config = { host: undefined, ssl: undefined, token: undefined, somethingElse: undefined };
  assert.deepEqual(readConfig(config), { options: {}, doubts: [] });
});

test('a wrong type is an error that names the option, what it must be, and what it is', () => {
  const cases = [
    [{ port: '9163' }, 'option "port" must be a whole number from 0 to 65535, but is a string ("9163")'],
    [{ port: 70000 }, 'option "port" must be a whole number from 0 to 65535, but is a number (70000)'],
    [{ port: 1.5 }, 'but is a number (1.5)'],
    [{ port: Number.NaN }, 'but is a number (NaN)'],
    [{ host: '' }, 'option "host" must be a non-empty string, but is a string ("")'],
    [{ host: null }, 'option "host" must be a non-empty string, but is null'],
    [{ maxPayload: -1 }, 'option "maxPayload" must be a whole number of bytes from 1 to'],
    [{ noDelay: 'yes' }, 'option "noDelay" must be true or false, but is a string ("yes")'],
    [{ largeMessages: 'pull' }, `option "largeMessages" must be 'push' or 'download', but is a string ("pull")`],
    [{ allowedOrigins: 'https://a.example' }, 'option "allowedOrigins" must be an array of non-empty strings'],
    [{ allowedOrigins: [1] }, 'option "allowedOrigins" must be an array of non-empty strings, but is an array'],
    [
      { trustedProxies: ['proxy.example.com'] },
      `option "trustedProxies" must be an array of IP addresses and networks such as '10.0.0.0/8', but is an array`,
    ],
    [{ resumeWindow: '5s' }, 'option "resumeWindow" must be a whole number of milliseconds from 0 to'],
    [{ resumeWindow: () => 1 }, 'but is a function'],
  ];
  for (const [config, expected] of cases) {
    const message = messageOf(config);
    assert.ok(message.startsWith('AceBaseIPCServer: '), message);
    assert.ok(message.includes(expected), message);
  }
});

test('proxies are addresses and networks, which the addon reads as they are written', async (t) => {
  const good = ['127.0.0.1', '10.0.0.0/8', '10.1.2.3/32', '0.0.0.0/0', '::1', 'fd00::/8', '::ffff:10.0.0.1'];
  const server = await startServer(t, { trustedProxies: good });
  assert.ok(server.port > 0);
  for (const bad of [
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0/8',
    'fd00::/129',
    '10.0.0.1/',
    '1.2.3.4/8/8',
    'fe80::1%lo',
  ]) {
    assert.match(messageOf({ trustedProxies: ['127.0.0.1', bad] }), /option "trustedProxies" must be an array/);
  }
});

test('texts with halves of characters, which clients cannot send, stop no server', async (t) => {
  const databaseTokens = { 'db\ud800': ['\udfff'], '\\ud800_data': [] };
  assert.deepEqual(JSON.parse(toAddon({ databaseTokens, logLevel: 'info' })), {
    databaseTokens: { 'db\ufffd': ['\ufffd'], '\\ud800_data': [] },
  });
  t.mock.method(process, 'emitWarning', () => {});
  const server = await startServer(t, { token: 'a\ud800', databaseTokens });
  assert.ok(server.port > 0);
});

test('the configuration itself must be an object', () => {
  for (const config of [null, 9163, 'localhost', []]) {
    assert.match(messageOf(config), /the configuration must be an object, but is (null|a number|a string|an array)/);
  }
});

test('secrets are never shown', () => {
  assert.equal(
    messageOf({ token: Symbol('hidden') }),
    'AceBaseIPCServer: option "token" must be a non-empty string, but is a symbol',
  );
  assert.ok(!messageOf({ token: 123456 }).includes('123456'));
  assert.ok(!messageOf({ ssl: { pfxPath: 'a', passphrase: 123456 } }).includes('123456'));
});

test('a value that is too long is cut', () => {
  assert.ok(messageOf({ largeMessages: 'x'.repeat(5000) }).length < 250);
});

test('an unknown option is a doubt, with a guess at what was meant', () => {
  const { doubts, options } = readConfig({ port: 0, maxpayload: 1, keep_port: true, lockTabel: true, colour: 'red' });
  assert.deepEqual(options, { port: 0 });
  assert.deepEqual(
    doubts.map((doubt) => doubt.message),
    [
      'option "maxpayload" is not known and was ignored: did you mean "maxPayload"?',
      'option "keep_port" is not known and was ignored: did you mean "keepPort"?',
      'option "lockTabel" is not known and was ignored: did you mean "lockTable"?',
      'option "colour" is not known and was ignored',
    ],
  );
  assert.ok(doubts.every((doubt) => doubt.code === 'unknown-option'));
});

test('names that every object has are unknown options, not known ones', () => {
  const { doubts } = readConfig(JSON.parse('{ "__proto__": 1, "constructor": 2 }'));
  assert.equal(doubts.length, 2);
});

test('a duration that looks like seconds is a doubt', () => {
  const { doubts, options } = readConfig({ masterTimeout: 60, resumeWindow: 0, releaseLocksAfter: 10_000 });
  assert.equal(options.masterTimeout, 60);
  assert.deepEqual(doubts, [{ code: 'odd-value', message: 'option "masterTimeout" is in milliseconds: 60 is 0.06 s' }]);
});

test('a token that clients do not send as it is, is a doubt', () => {
  const messageFor = (token, more) => readConfig({ token, ...more }).doubts[0]?.message;
  for (const token of ['a&b', 'a#b', 'a%41b', 'a\nb', 'a ']) {
    assert.match(messageFor(token), /do not send unchanged/, token);
  }
  for (const token of ['a"b', 'a<b', 'a>b', 'a b', '漢']) {
    assert.equal(messageFor(token), undefined, 'such clients are told not to POST');
    assert.match(messageFor(token, { maxPayload: 20_000 }), /cannot POST/, token);
  }
  assert.equal(readConfig({ token: 'a&b' }).doubts[0].code, 'odd-value');
  assert.equal(readConfig({ token: 'undefined' }).doubts[0].code, 'weak-token');
  assert.deepEqual(readConfig({ token: 'a-b_c.d~e!f' }).doubts, []);
});

test('a database without a storage type in its name is a doubt that names the right one', () => {
  const doubtsOf = (config) => readConfig(config).doubts.map((doubt) => doubt.message);
  assert.deepEqual(doubtsOf({ databaseTokens: { mydb_data: ['a'], mydb_transaction: ['b'], mydb_auth: [] } }), []);
  for (const name of ['mydb', 'my_db', '_data_', 'mydb-data']) {
    const [doubt, ...others] = doubtsOf({ databaseTokens: { [name]: ['a'] } });
    assert.ok(doubt.includes(`: write "${name}_data"`), doubt);
    assert.deepEqual(others, []);
  }
});

test('a database that does not come under its name, or cannot be posted to, is a doubt', () => {
  const doubtOf = (name, more) => readConfig({ databaseTokens: { [name]: ['a'] }, ...more }).doubts[0]?.message;
  for (const [name, right] of [
    ['../mydb', 'mydb_data'],
    ['./mydb_data', 'mydb_data'],
    ['a%41_data', 'aA_data'],
  ]) {
    assert.match(doubtOf(name), new RegExp(`: write "${right}"$`));
  }
  assert.match(doubtOf('a/b_data'), /cannot send$/);
  assert.match(
    doubtOf('my db_data', { maxPayload: 1 }),
    /cannot POST, so that what is longer than maxPayload is lost$/,
  );
  assert.equal(doubtOf('my db_data'), undefined);
  assert.equal(doubtOf('données_data'), undefined);
});

test('tokens of a database that are no list are told by its name, and not shown', () => {
  const read = () => readConfig({ databaseTokens: { other_data: [], mydb_data: 'secret' } });
  assert.throws(read, {
    message:
      'AceBaseIPCServer: option "databaseTokens" must be an object of arrays of non-empty strings, ' +
      'but "mydb_data" has another value: write ["…"]',
  });
});

test('that nobody can connect is a doubt', () => {
  const isDoubted = (config) => readConfig(config).doubts.some(({ message }) => /nobody can connect/.test(message));
  assert.ok(isDoubted({ databaseTokens: {} }));
  assert.ok(isDoubted({ unlistedDatabases: 'refuse', token: 'secret' }));
  assert.ok(!isDoubted({ databaseTokens: {}, token: 'secret' }));
  assert.ok(!isDoubted({ databaseTokens: {}, unlistedDatabases: 'allow' }));
  assert.ok(!isDoubted({ databaseTokens: { mydb_data: ['a'] } }));
});

test('ssl is a certificate and its key, or a PKCS#12 file', () => {
  for (const ssl of [
    { certPath: 'c', keyPath: 'k' },
    { certPath: 'c', keyPath: 'k', passphrase: 'p', pfxPath: undefined },
    { pfxPath: 'p', passphrase: '' },
  ]) {
    readConfig({ ssl });
  }
  assert.match(messageOf({ ssl: true }), /option "ssl" must be an object with certPath and keyPath, or pfxPath/);
  assert.match(messageOf({ ssl: {} }), /option "ssl.certPath" is missing/);
  assert.match(messageOf({ ssl: { certPath: 'c' } }), /option "ssl.keyPath" is missing/);
  assert.match(messageOf({ ssl: { keyPath: 'k' } }), /option "ssl.certPath" is missing/);
  assert.match(messageOf({ ssl: { certPath: 'c', keyPath: 'k', pfxPath: 'p' } }), /but not both/);
  assert.match(messageOf({ ssl: { certPath: 7, keyPath: 'k' } }), /option "ssl.certPath" must be a non-empty string/);
});

test('cluster says what other hubs must know, and leaves time for renewals', () => {
  const cluster = { engine: 'redis://localhost', advertise: 'hub-1:9163', secret: 'a secret of hubs' };
  const more = { name: 'hub-1', leaseTime: 600, renewEvery: 200 };
  for (const engine of [
    'redis://:p@ss@10.0.0.1:6379/3',
    'rediss://user:pass@redis.internal?cluster=blue',
    'redis+sentinel://a:26379,b,c/main/1',
  ]) {
    assert.deepEqual(readConfig({ cluster: { ...cluster, ...more, engine } }).doubts, []);
  }
  for (const [wrong, expected] of [
    [{ engine: 'http://a' }, /option "cluster.engine" must be 'redis:\/\/host:6379', .*, but is a string$/],
    [{ engine: 'redis://' }, /option "cluster.engine" must be/],
    [{ engine: undefined }, /option "cluster.engine" is missing. The Redis that .* Write 'redis:\/\/host:6379'/],
    [
      { advertise: undefined },
      /option "cluster.advertise" is missing. Where the other hubs reach .* Write 'host:port'/,
    ],
    [{ advertise: 'hub-1' }, /option "cluster.advertise" must be 'host:port', but is a string \("hub-1"\)/],
    [{ secret: undefined }, /option "cluster.secret" is missing/],
    [{ secret: 'hunter2' }, /option "cluster.secret" must be a string of 16 or more characters, but is a string$/],
    [{ name: 'a b' }, /option "cluster.name" must be/],
    [
      { leaseTime: 2999 },
      /option "cluster.leaseTime" must be at least 3 times cluster.renewEvery, but is 2999 with 1000/,
    ],
    [{ renewEvery: 0 }, /option "cluster.renewEvery" must be a whole number of milliseconds/],
  ]) {
    assert.match(messageOf({ cluster: { ...cluster, ...wrong } }), expected);
  }
  assert.match(messageOf({ cluster: true }), /option "cluster" must be an object with engine, advertise and secret/);
});

test('what JavaScript takes for the address of an engine, and for a name, the addon takes, too', async (t) => {
  // Nobody is there: the server starts all the same.
  for (const engine of ['redis://:p@ss@127.0.0.1:1/3?cluster=blue', 'rediss+sentinel://[::1]:1,127.0.0.1/main']) {
    const cluster = { engine, advertise: '[::1]:9163', secret: 'a secret of hubs', name: '[a]@b:c.d_e-f' };
    const server = await startServer(t, { cluster });
    assert.ok(server.port > 0);
  }
});

test('an unknown option of ssl is a doubt', () => {
  const { doubts } = readConfig({ ssl: { pfxPath: 'p', passPhrase: 'secret' } });
  assert.equal(
    doubts[0].message,
    'option "ssl.passPhrase" is not known and was ignored: did you mean "ssl.passphrase"?',
  );
});
