'use strict';

// What an operator does to a running server: replace tokens and certificates, and trace messages.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { copyFileSync, readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const tls = require('node:tls');
const { setTimeout: sleep } = require('node:timers/promises');

const { AceBaseIPCServer } = require('..');
const { expired, oldClient, pem } = require('./support/certificates.js');
const { makeFolder } = require('./support/folder.js');
const { request } = require('./support/http.js');
const { getsIn, join, refusal } = require('./support/peer.js');
const { noOpenssl } = require('./support/platform.js');
const { MOMENT, quietly, startServer } = require('./support/server.js');

test('any of the tokens will do', async (t) => {
  const server = await startServer(t, { token: 'old', tokens: ['new', 'newer'] });
  const answers = await Promise.all(
    ['old', 'new', 'newer', 'other'].map((token) => getsIn(server, `peer-${token}`, { token })),
  );
  assert.deepEqual(answers, [true, true, true, false]);
});

test('a database that has no tokens is refused where others have some, unless a token or a choice says otherwise', async (t) => {
  const databaseTokens = { mydb_data: ['special'] };
  const other = { token: 'undefined', db: 'other_data' };
  const byDefault = await startServer(t, { databaseTokens });
  const told = once(byDefault, 'refused');
  assert.equal((await refusal(byDefault, 'peer-1', other)).status, 403);
  const [{ dbname, reason, status }] = await told;
  assert.deepEqual({ dbname, reason, status }, { dbname: 'other_data', reason: 'unlisted', status: 403 });
  assert.equal(await getsIn(byDefault, 'peer-1', { token: 'special' }), true);
  const open = await startServer(t, { databaseTokens, unlistedDatabases: 'allow' });
  assert.equal(await getsIn(open, 'peer-1', other), true);
  const shut = await startServer(t, { databaseTokens, unlistedDatabases: 'refuse', token: 'general' });
  assert.equal((await refusal(shut, 'peer-1', { ...other, token: 'general' })).status, 403);
});

test('a database with tokens of its own takes only those', async (t) => {
  const server = await startServer(t, { token: 'general', databaseTokens: { own_data: ['special'], shut_data: [] } });
  assert.equal(await getsIn(server, 'peer-1', { token: 'special', db: 'own_data' }), true);
  assert.equal(await getsIn(server, 'peer-1', { token: 'general', db: 'own_data' }), false);
  assert.equal(await getsIn(server, 'peer-1', { token: 'special', db: 'other_data' }), false);
  assert.equal(await getsIn(server, 'peer-1', { token: 'general', db: 'shut_data' }), false);
});

test('an empty list of tokens is a mistake, for it would let everybody in', () => {
  assert.throws(
    () => new AceBaseIPCServer({ tokens: [] }),
    /option "tokens" must be an array of 1 or more non-empty strings/,
  );
});

test('the live page can be switched off, its figures cannot', async (t) => {
  const server = await startServer(t, { dashboard: false });
  assert.equal((await request(server, 'GET /')).status, 404);
  assert.equal((await request(server, 'GET /status.json')).status, 200);
});

/** A server whose certificate is a file of its own, which can be replaced. */
async function startReloadable(t) {
  const folder = makeFolder(t, 'reload');
  const ssl = { certPath: path.join(folder, 'cert.pem'), keyPath: path.join(folder, 'key.pem') };
  copyFileSync(pem().certPath, ssl.certPath);
  copyFileSync(pem().keyPath, ssl.keyPath);
  return { server: await startServer(t, { ssl }), certPath: ssl.certPath };
}

test('certificates are read anew when asked to, and bad ones leave the old ones in use', {
  skip: noOpenssl,
}, async (t) => {
  const { server, certPath } = await startReloadable(t);
  const noticed = once(server, 'notice');
  await server.reloadCertificates();
  assert.equal((await noticed)[0].code, 'certificates-reloaded');
  const warned = once(server, 'warning');
  writeFileSync(certPath, 'nonsense');
  await assert.rejects(server.reloadCertificates(), { code: 'ERR_IPC_TLS', message: /cert\.pem/ });
  assert.equal((await warned)[0].code, 'certificates-not-reloaded');
  await join(server, 'peer-1');
});

test('a certificate that no client takes is not taken into use, and one that the server starts with is a warning', {
  skip: noOpenssl,
}, async (t) => {
  const { server, certPath } = await startReloadable(t);
  const served = async () => {
    const ca = readFileSync(pem().certPath);
    const socket = tls.connect({ host: '127.0.0.1', port: server.port, ca, servername: 'localhost' });
    await once(socket, 'secureConnect');
    assert.ok(socket.authorized);
    const { fingerprint } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint;
  };
  const before = await served();
  copyFileSync(expired().certPath, certPath);
  const warnings = [];
  server.on('warning', (warning) => warnings.push(warning));
  const complaint = /ssl\.certPath \(".*cert\.pem"\) holds a certificate that clients refuse: it has expired/;
  await assert.rejects(server.reloadCertificates(), { code: 'ERR_IPC_TLS', message: complaint });
  await sleep(MOMENT);
  const { message } = warnings.find(({ code }) => code === 'certificates-not-reloaded');
  assert.match(message, /the old ones stay in use\. ssl\.certPath.*expired/);
  assert.equal(await served(), before);

  const other = new AceBaseIPCServer({ host: '127.0.0.1', port: 0, ssl: expired() });
  t.after(() => other.stop());
  const doubted = once(other, 'warning');
  await quietly(t, () => other.start());
  assert.equal((await doubted)[0].code, 'certificate-refused-by-clients');
});

test('a client certificate of X.509 version 1 is refused with a warning that says so', {
  skip: noOpenssl,
}, async (t) => {
  const server = await startServer(t, { ssl: { ...pem(), caPath: pem().certPath, requestCert: true } });
  const warned = once(server, 'warning');
  const { certPath, keyPath } = oldClient();
  const [ca, cert, key] = [pem().certPath, certPath, keyPath].map((name) => readFileSync(name));
  const socket = tls.connect({ host: '127.0.0.1', port: server.port, ca, cert, key, servername: 'localhost' });
  socket.on('error', () => {});
  const [{ code, message }] = await warned;
  assert.equal(code, 'tls-handshake');
  assert.match(message, /the client's certificate is of X\.509 version 1 or 2.*-extfile/);
});

test('a client without a certificate is refused where one is asked for', { skip: noOpenssl }, async (t) => {
  const server = await startServer(t, { ssl: { ...pem(), caPath: pem().certPath, requestCert: true } });
  assert.equal(await getsIn(server, 'peer-1'), false);
});

test('messages are traced for a client, while that is on', async (t) => {
  const server = await startServer(t);
  const traced = [];
  server.on('trace', (message) => traced.push(message));
  const [one, two, three] = [await join(server, 'peer-1'), await join(server, 'peer-2'), await join(server, 'peer-3')];
  server.trace('mydb_data', { client: 'peer-1' });
  one.send('to:peer-2;first');
  two.send('to:peer-3;not of this client');
  await sleep(MOMENT);
  server.trace('mydb_data', { client: 'peer-1', on: false });
  one.send('to:peer-2;too late');
  three.send('to:peer-2;neither');
  await sleep(MOMENT);
  const fate = 'forwarded';
  assert.deepEqual(traced, [{ dbname: 'mydb_data', from: 'peer-1', to: 'peer-2', bytes: 5, fate, text: 'first' }]);
});

test('only a running server traces', () => {
  assert.throws(() => new AceBaseIPCServer().trace('mydb_data'), { code: 'ERR_IPC_NOT_RUNNING' });
});

test('who is not let in is told of', async (t) => {
  const server = await startServer(t, { token: 'secret' });
  const refused = once(server, 'refused');
  assert.equal(await getsIn(server, 'peer-1', { token: 'wrong' }), false);
  const [{ dbname, status, reason }] = await refused;
  assert.deepEqual([dbname, status, typeof reason], ['mydb_data', 403, 'string']);
});
