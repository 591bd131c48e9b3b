'use strict';

// Configuration files: how they become a configuration, who wins over them, and what is said of mistakes in them.

const assert = require('node:assert/strict');
const { writeFileSync } = require('node:fs');
const path = require('node:path');
const { after, test } = require('node:test');

const { readCommandLine } = require('../lib/command-line/command-line.js');
const { UsageError } = require('../lib/command-line/usage-error.js');
const { loadNative } = require('../lib/native.js');
const { makeFolder } = require('./support/folder.js');

const folder = makeFolder({ after }, 'config');
const { jsonFault } = loadNative();
const FILE = path.join(folder, 'file.json');

function read(content, args = [], environment = {}) {
  writeFileSync(FILE, typeof content === 'string' ? content : JSON.stringify(content));
  return readCommandLine(['--config', FILE, ...args], environment);
}

function complaint(content, args) {
  try {
    read(content, args);
  } catch (error) {
    assert.ok(error instanceof UsageError, `${error.stack}`);
    assert.ok(error.message.startsWith(`${FILE}: `), error.message);
    return error.message.slice(FILE.length + 2);
  }
  return assert.fail('a UsageError was expected');
}

test('a file has the names that JavaScript has', () => {
  const databaseTokens = { mydb_data: ['a'] };
  const ssl = { certPath: 'c', keyPath: 'k', requestCert: true, caPath: 'ca' };
  const { config, notes } = read({ port: 1, allowedOrigins: ['https://a.example'], databaseTokens, ssl });
  assert.deepEqual([config.host, config.logLevel], ['localhost', 'info']);
  assert.deepEqual([config.port, config.allowedOrigins], [1, ['https://a.example']]);
  assert.deepEqual(config.databaseTokens, databaseTokens);
  assert.deepEqual(JSON.parse(JSON.stringify(config.ssl)), ssl);
  assert.deepEqual(notes, []);
});

test('arguments win over the environment, and both over the file', () => {
  const file = { port: 1, token: 'file', host: 'file', ssl: { certPath: 'file', keyPath: 'file' } };
  const { config } = read(file, ['port=3', 'key_path=argument'], { PORT: '2', TOKEN: 'environment' });
  assert.deepEqual([config.port, config.token, config.host], [3, 'environment', 'file']);
  assert.deepEqual([config.ssl.certPath, config.ssl.keyPath], ['file', 'argument']);
  assert.equal(read(file, ['ssl=0']).config.ssl, undefined);
  const cluster = { engine: 'redis://file', advertise: 'file:1', secret: 'a secret of hubs' };
  const hub = read({ cluster }, ['cluster-advertise=argument:1']).config.cluster;
  assert.deepEqual(JSON.parse(JSON.stringify(hub)), { ...cluster, advertise: 'argument:1' });
});

test('a file can be named with an equals sign, and ask for a port that is kept', () => {
  writeFileSync(FILE, '\uFEFF{ "port": 0, "keepPort": true }');
  assert.equal(readCommandLine([`--config=${FILE}`], {}).config.keepPort, true);
  assert.equal(read({ port: 0 }).config.keepPort, undefined);
});

test('a bad value is reported with its key', () => {
  assert.equal(complaint({ port: '80' }), 'port: must be a whole number from 0 to 65535, but is a string ("80")');
  assert.equal(complaint({ ssl: { certPath: 5 } }), 'ssl.certPath: must be a non-empty string, but is a number (5)');
  assert.equal(
    complaint({ ssl: true }),
    'ssl: must be an object with certPath and keyPath, or pfxPath, but is a boolean (true)',
  );
  assert.equal(complaint([]), 'must be an object, but is an array');
  assert.match(complaint({ logger: {} }), /^logger: must be an object with the methods debug, info, warn and error/);
  assert.ok(!complaint({ tokens: 'hunter2' }).includes('hunter2'));
});

test('an unknown key is a note with a guess', () => {
  const { notes } = read({ prot: 1, ssl: { certpath: 'c', pfxPath: 'p' } });
  assert.deepEqual(notes, [
    `${FILE}: option "prot" is not known and was ignored: did you mean "port"?`,
    `${FILE}: option "ssl.certpath" is not known and was ignored: did you mean "ssl.certPath"?`,
  ]);
});

test('what is not JSON is reported with its line and column, and is not shown', () => {
  assert.equal(complaint('{\n  "port": 1,\n}'), 'not JSON: key must be a string at line 3 column 1');
  assert.equal(complaint('{ "port": x }'), 'not JSON: expected value at line 1 column 11');
  assert.equal(complaint('{ "port": 1'), 'not JSON: EOF while parsing an object at line 1 column 11');
  assert.ok(!complaint('{ "token": hunter2 }').includes('hunter'));
});

test('a file that cannot be read is reported, and so is a name that is missing', () => {
  const missing = path.join(folder, 'missing.json');
  assert.throws(() => readCommandLine(['--config', missing], {}), {
    message: `${missing}: cannot be read (ENOENT)`,
  });
  assert.throws(() => readCommandLine(['--config'], {}), {
    message: '--config needs the name of a file: --config file.json',
  });
});

test('faults are found where JSON.parse finds them, and nowhere else', () => {
  const good = ['{}', ' [1, -0.5e+3, "\\u00e9\\n", true, null, {"a":[{}]}]\n', '"x"', '0'];
  const bad = [
    '',
    '{',
    '[1,]',
    '{"a" 1}',
    '01',
    '1.',
    "{'a':1}",
    '{"a":1}}',
    '"\t"',
    'nul',
    '// note\n{}',
    '"\\x"',
    '[1 2]',
  ];
  for (const text of good) {
    assert.doesNotThrow(() => JSON.parse(text));
    assert.equal(jsonFault(text), null, text);
  }
  for (const text of bad) {
    assert.throws(() => JSON.parse(text), SyntaxError);
    assert.match(jsonFault(text), / at line \d+ column \d+$/, text);
  }
});
