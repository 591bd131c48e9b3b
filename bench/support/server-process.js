'use strict';

// What every server under test has in common: its command line, and the line by which it says that it is ready.

const fs = require('node:fs');

const { readArguments } = require('./command.js');

const HELP = `A server under test; the benchmarks start it. It prints "ready <port>" when it runs.
  --port N         0: any free one [0]
  --tls-key FILE   with --tls-cert: TLS, with this key (PEM)
  --tls-cert FILE  and this certificate
  --options JSON   of the server, where it has some [{}]`;

/**
 * Reads what every server under test takes.
 * @returns {{ port: number, ssl?: { key: Buffer, cert: Buffer }, sslPaths?: { keyPath: string, certPath: string },
 *   options: object }}
 */
function serverArguments() {
  const { values } = readArguments(HELP, {
    options: {
      port: { type: 'string', default: '0' },
      'tls-key': { type: 'string' },
      'tls-cert': { type: 'string' },
      options: { type: 'string', default: '{}' },
    },
  });
  const keyPath = values['tls-key'];
  const certPath = values['tls-cert'];
  const common = { port: Number(values.port), options: JSON.parse(values.options) };
  if (!keyPath || !certPath) return common;
  return {
    ...common,
    ssl: { key: fs.readFileSync(keyPath), cert: fs.readFileSync(certPath) },
    sslPaths: { keyPath, certPath },
  };
}

/** @param {number} port */
function reportReady(port) {
  console.log(`ready ${port}`);
}

module.exports = { serverArguments, reportReady };
