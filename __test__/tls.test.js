'use strict';

// TLS from certificate files of every kind, and what is said where they are no good.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { readFileSync, writeFileSync } = require('node:fs');
const tls = require('node:tls');
const { describe, test } = require('node:test');

const { AceBaseIPCServer } = require('..');
const certificates = require('./support/certificates.js');
const { connect, join } = require('./support/peer.js');
const { noOpenssl } = require('./support/platform.js');
const { rawConnect } = require('./support/raw.js');
const { startServer } = require('./support/server.js');

const { encryptedPem, legacyPfx, pem, pfx, strangeKey } = certificates;

describe('a server is started with', { skip: noOpenssl }, () => {
  for (const [what, make] of Object.entries({
    'PEM files': pem,
    'an encrypted key': encryptedPem,
    'a PKCS#12 file as OpenSSL 3 writes it': pfx,
    'a PKCS#12 file as older tools write it': legacyPfx,
  })) {
    test(what, async (t) => {
      const server = await startServer(t, { ssl: make() });
      const ca = readFileSync(pem().certPath);
      const socket = tls.connect({ host: '127.0.0.1', port: server.port, ca, servername: 'localhost' });
      await once(socket, 'secureConnect');
      assert.ok(socket.authorized);
      socket.end();
      const peer = await join(server, 'peer-1');
      peer.send('ping');
      assert.equal(await peer.next(), 'pong');
    });
  }
});

describe('start() rejects, and names the option and the file, where', { skip: noOpenssl }, () => {
  const missing = '/no/such/file.pem';
  const empty = certificates.file('empty.pem');
  writeFileSync(empty, 'nothing here\n');

  for (const [what, make, option, file] of [
    ['the certificate is missing', () => ({ ...pem(), certPath: missing }), 'ssl.certPath', missing],
    ['the key is missing', () => ({ ...pem(), keyPath: missing }), 'ssl.keyPath', missing],
    ['the PKCS#12 file is missing', () => ({ pfxPath: missing }), 'ssl.pfxPath', missing],
    ['there is no certificate in the file', () => ({ ...pem(), certPath: empty }), 'ssl.certPath', empty],
    ['there is no key in the file', () => ({ ...pem(), keyPath: empty }), 'ssl.keyPath', empty],
    ['the file is no PKCS#12', () => ({ pfxPath: empty }), 'ssl.pfxPath', empty],
    ['the key is of another certificate', () => ({ ...pem(), keyPath: strangeKey() }), 'ssl.keyPath', strangeKey],
    ['the passphrase of the key is wrong', () => ({ ...encryptedPem(), passphrase: 'wrong!' }), 'ssl.passphrase'],
    ['the passphrase of the key is missing', () => ({ ...encryptedPem(), passphrase: undefined }), 'ssl.passphrase'],
    ['the passphrase of the PKCS#12 file is wrong', () => ({ ...pfx(), passphrase: 'wrong!' }), 'ssl.passphrase'],
    [
      'the passphrase of an old PKCS#12 file is wrong',
      () => ({ ...legacyPfx(), passphrase: 'wrong!' }),
      'ssl.passphrase',
    ],
  ]) {
    test(what, async () => {
      const ssl = make();
      const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0, ssl });
      await assert.rejects(server.start(), (error) => {
        const name = (typeof file === 'function' ? file() : file) ?? ssl.pfxPath ?? ssl.keyPath;
        assert.equal(error.code, 'ERR_IPC_TLS');
        assert.ok(error.message.includes(option), error.message);
        assert.ok(error.message.includes(name), error.message);
        assert.ok(!error.message.includes('wrong!'), error.message);
        return true;
      });
    });
  }
});

test('clients are told the largest message as their payload limit, for their HTTP is always plain', {
  skip: noOpenssl,
}, async (t) => {
  const server = await startServer(t, { ssl: pem(), maxMessageSize: 5_000_000 });
  const peer = await connect(server, 'peer-1');
  assert.equal(await peer.next(), 'welcome:{"maxPayload":5000000}');
  const other = await join(server, 'peer-2');
  const large = 'x'.repeat(4_000_000);
  peer.send(large);
  assert.ok((await other.next()) === large);
});

test('plain HTTP on the TLS port gets a clear 400, and is a warning', { skip: noOpenssl }, async (t) => {
  const server = await startServer(t, { ssl: pem() });
  const warned = once(server, 'warning');
  const connection = await rawConnect({ port: server.port, isTls: false });
  connection.write('POST /mydb_data/send?id=peer-1&t=secret HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
  assert.match((await connection.closed()).toString(), /^HTTP\/1\.1 400 .*TLS/s);
  const [{ code, message }] = await warned;
  assert.equal(code, 'plain-http-on-tls-port');
  assert.ok(!message.includes('secret'));
});
