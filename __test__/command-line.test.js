'use strict';

// How arguments and environment variables become a configuration.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { helpText, readCommandLine, VARIABLES } = require('../lib/command-line/command-line.js');
const { readConfig } = require('../lib/config/config.js');
const { UsageError } = require('../lib/command-line/usage-error.js');

/** What the command line has when nothing is given. */
const DEFAULTS = { host: 'localhost', ...(process.platform !== 'win32' && { keepPort: true }), logLevel: 'info' };

function configOf(args, environment = {}) {
  const command = readCommandLine(args, environment);
  assert.equal(command.kind, 'run');
  return command.config;
}

function complaint(args, environment = {}) {
  try {
    readCommandLine(args, environment);
  } catch (error) {
    assert.ok(error instanceof UsageError, `${error.stack}`);
    assert.ok(!error.message.includes('\n'));
    return error.message;
  }
  return assert.fail('a UsageError was expected');
}

test('CLUSTER makes the server one of several hubs, and the other variables say how', () => {
  const args = ['cluster=redis://a', '--cluster-advertise=b:1', 'CLUSTER_SECRET=1234567890123456'];
  const { cluster } = configOf(args, { CLUSTER_NAME: 'x', CLUSTER_LEASE_TIME: '5000' });
  const secret = '1234567890123456';
  const expected = { engine: 'redis://a', advertise: 'b:1', secret, name: 'x', leaseTime: 5000 };
  assert.deepEqual(JSON.parse(JSON.stringify(cluster)), expected);
  const without = readCommandLine(args.slice(1), { CLUSTER_NAME: 'x' });
  assert.equal(without.config.cluster, undefined);
  assert.deepEqual(without.notes, [
    'CLUSTER_ADVERTISE is ignored without CLUSTER=redis://…',
    'CLUSTER_SECRET is ignored without CLUSTER=redis://…',
  ]);
  assert.match(complaint(['cluster=prod']), /^argument CLUSTER must be 'redis:\/\/host:6379', /);
});

test('nothing given: localhost, and the port is kept open', () => {
  assert.deepEqual(configOf([]), DEFAULTS);
});

test('where no port can be kept, it is kept on request only, so that no start is warned of', () => {
  const on = (platform, args, environment = {}) => readCommandLine(args, environment, platform).config.keepPort;
  for (const platform of ['linux', 'darwin', 'freebsd']) {
    assert.equal(on(platform, []), true, platform);
  }
  assert.equal(on('win32', []), undefined);
  assert.equal(on('win32', ['keep_port=1']), true);
  assert.equal(on('win32', [], { KEEP_PORT: '0' }), false);
});

test('the variables of the original, as arguments', () => {
  const args = ['HOST=0.0.0.0', 'PORT=8585', 'TOKEN=a=b', 'MAX_PAYLOAD=100', 'SSL=1', 'KEY_PATH=k', 'CERT_PATH=c'];
  const { ssl, ...config } = configOf([...args, 'PASSPHRASE=p']);
  assert.deepEqual(config, { ...DEFAULTS, host: '0.0.0.0', port: 8585, token: 'a=b', maxPayload: 100 });
  assert.deepEqual(JSON.parse(JSON.stringify(ssl)), { keyPath: 'k', certPath: 'c', passphrase: 'p' });
});

test('the variables of the original, from the environment', () => {
  const environment = { HOST: '::1', PORT: '1', SSL: '1', PFX_PATH: 'p', PASSPHRASE: 'x', TOKEN: 't', PATH: '/bin' };
  const { ssl, ...config } = configOf([], environment);
  assert.deepEqual(config, { ...DEFAULTS, host: '::1', port: 1, token: 't' });
  assert.deepEqual(JSON.parse(JSON.stringify(ssl)), { pfxPath: 'p', passphrase: 'x' });
});

test('arguments win over the environment', () => {
  assert.equal(configOf(['port=2'], { PORT: '1' }).port, 2);
});

test('names are taken in any case and with any dashes', () => {
  for (const arg of ['max_payload=5', 'maxPayload=5', 'MAXPAYLOAD=5', '--max-payload=5', '--MAX_PAYLOAD=5']) {
    assert.equal(configOf([arg]).maxPayload, 5, arg);
  }
});

test('every kind of value can be written', () => {
  const args = [
    'no_delay=off',
    'LARGE_MESSAGES=Download',
    'ALLOWED_ORIGINS=https://a.example, https://b.example',
    'trusted_proxies=127.0.0.1, 10.0.0.0/8',
  ];
  assert.deepEqual(configOf([...args, 'KEEP_PORT=0', 'RESUME_WINDOW=0']), {
    ...DEFAULTS,
    keepPort: false,
    noDelay: false,
    largeMessages: 'download',
    allowedOrigins: ['https://a.example', 'https://b.example'],
    trustedProxies: ['127.0.0.1', '10.0.0.0/8'],
    resumeWindow: 0,
  });
});

test('empty values, and the original\'s "0" for its default payload, are no values', () => {
  assert.deepEqual(configOf(['TOKEN=', 'MAX_PAYLOAD=0', 'SSL='], { PORT: '' }), DEFAULTS);
});

test('a port that is another one each time is not kept, unless that is asked for', () => {
  assert.deepEqual(configOf(['PORT=0']), { host: 'localhost', port: 0, logLevel: 'info' });
  assert.deepEqual(configOf(['PORT=0', 'KEEP_PORT=1']), { ...DEFAULTS, port: 0, keepPort: true });
});

test('without SSL=1 the certificate is not looked at, and an argument for one is remarked on', () => {
  assert.deepEqual(readCommandLine(['KEY_PATH=k'], { CERT_PATH: 'c' }), {
    kind: 'run',
    config: DEFAULTS,
    notes: ['KEY_PATH is ignored without SSL=1'],
  });
});

test('a bad value is one line that says where it stands', () => {
  assert.equal(complaint(['port=http']), 'argument PORT must be a whole number from 0 to 65535, but is "http"');
  assert.equal(
    complaint([], { PORT: '99999' }),
    'environment variable PORT must be a whole number from 0 to 65535, but is "99999"',
  );
  assert.equal(complaint(['ssl=maybe']), 'argument SSL must be 1 or 0, but is "maybe"');
});

test('an unknown argument is one line with a guess, and shows no secret', () => {
  assert.equal(complaint(['prot=1']), 'unknown argument "prot=…": did you mean PORT=…?');
  assert.equal(complaint(['--verbose']), 'unknown argument "--verbose"; --help lists all');
  assert.ok(!complaint(['tokn=hunter2']).includes('hunter2'));
  assert.equal(complaint(['port']), 'unknown argument "port": did you mean PORT=…?');
});

test('help and version win over everything else, a mistake included', () => {
  assert.deepEqual(readCommandLine(['port=x', '--help'], {}), { kind: 'help' });
  assert.deepEqual(readCommandLine(['--version'], {}), { kind: 'version' });
});

test('the help has every variable', () => {
  for (const { variable } of VARIABLES) {
    assert.match(helpText(), new RegExp(`^  ${variable} `, 'm'));
  }
});

test('what the command line makes is a good configuration', () => {
  const config = configOf(['SSL=1', 'KEY_PATH=k', 'CERT_PATH=c', 'port=1']);
  assert.deepEqual(readConfig(config).doubts, []);
});
