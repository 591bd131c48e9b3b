'use strict';

// Makes certificates for tests with the `openssl` command, in a folder of their own that goes when the tests are over.

const { execFileSync } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const folder = mkdtempSync(path.join(tmpdir(), 'acebase-ipc-certificates-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** What encrypted keys and files of these tests are encrypted with. */
const PASSPHRASE = 'correct horse';

function openssl(...args) {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

function file(name) {
  return path.join(folder, name);
}

/** Makes something once, however many tests ask for it. */
function once(make) {
  let made;
  return () => {
    made ??= make();
    return made;
  };
}

/** A self-signed certificate for localhost and its key, as PEM files. */
const pem = once(() => {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem'];
  openssl('req', '-x509', ...key, '-out', 'cert.pem', '-days', '2', ...subject);
  return { certPath: file('cert.pem'), keyPath: file('key.pem') };
});

/** Another certificate for the same key. */
const renewed = once(() => {
  const { keyPath } = pem();
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1'];
  openssl('req', '-x509', '-key', keyPath, '-out', 'renewed.pem', '-days', '2', ...subject);
  return { certPath: file('renewed.pem'), keyPath };
});

/** The same with an encrypted key (PKCS#8). */
const encryptedPem = once(() => {
  const { certPath } = pem();
  openssl('pkcs8', '-topk8', '-in', 'key.pem', '-out', 'encrypted.pem', '-passout', `pass:${PASSPHRASE}`);
  return { certPath, keyPath: file('encrypted.pem'), passphrase: PASSPHRASE };
});

/** A key that belongs to no certificate. */
const strangeKey = once(() => {
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'strange.pem');
  return file('strange.pem');
});

/** Both in one PKCS#12 file, as OpenSSL 3 writes it. */
const pfx = once(() => exportPfx('modern.pfx'));

/** The same with the algorithms of the last century, as Windows and older tools write it. */
const legacyPfx = once(() => exportPfx('legacy.pfx', '-legacy'));

function exportPfx(name, ...how) {
  pem();
  const input = ['-inkey', 'key.pem', '-in', 'cert.pem'];
  openssl('pkcs12', '-export', ...how, ...input, '-out', name, '-passout', `pass:${PASSPHRASE}`);
  return { pfxPath: file(name), passphrase: PASSPHRASE };
}

/** A certificate of X.509 version 1 for a client, which the one of `pem` has signed. */
const oldClient = once(() => {
  const { certPath, keyPath } = pem();
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'old.key'];
  openssl('req', '-new', ...key, '-subj', '/CN=old client', '-out', 'old.csr');
  const signer = ['-CA', certPath, '-CAkey', keyPath, '-set_serial', '7'];
  openssl('x509', '-req', '-in', 'old.csr', ...signer, '-days', '2', '-out', 'old.pem');
  return { certPath: file('old.pem'), keyPath: file('old.key') };
});

/** A certificate for the key of `pem` that has expired. */
const expired = once(() => {
  const { keyPath } = pem();
  openssl('req', '-new', '-key', keyPath, '-subj', '/CN=localhost', '-out', 'expired.csr');
  writeFileSync(file('extensions'), 'subjectAltName=DNS:localhost');
  const how = ['-extfile', 'extensions', '-days', '-1'];
  openssl('x509', '-req', '-in', 'expired.csr', '-key', keyPath, ...how, '-out', 'expired.pem');
  return { certPath: file('expired.pem'), keyPath };
});

/** A server's certificate for localhost, and beside it the authority that has signed it. */
const signed = once(() => {
  const { certPath: authority, keyPath: authorityKey } = pem();
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'signed.key'];
  openssl('req', '-new', ...key, '-subj', '/CN=server', '-out', 'signed.csr');
  writeFileSync(file('signed-extensions'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE');
  const signer = ['-CA', authority, '-CAkey', authorityKey, '-set_serial', '8', '-extfile', 'signed-extensions'];
  openssl('x509', '-req', '-in', 'signed.csr', ...signer, '-days', '2', '-out', 'signed.pem');
  return { certPath: file('signed.pem'), keyPath: file('signed.key'), authority };
});

/** An authority that has signed nothing. */
const strangeAuthority = once(() => {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'other-authority.key'];
  openssl('req', '-x509', ...key, '-subj', '/CN=other authority', '-days', '2', '-out', 'other-authority.pem');
  return file('other-authority.pem');
});

module.exports = {
  encryptedPem,
  expired,
  file,
  legacyPfx,
  oldClient,
  pem,
  pfx,
  renewed,
  signed,
  strangeAuthority,
  strangeKey,
};
