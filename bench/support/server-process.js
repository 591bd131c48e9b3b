// What every server under test has in common: its command line, and the line by which it says that it is ready.
'use strict';

const fs = require('node:fs');
const { parseArgs } = require('node:util');

/**
 * Reads `--port N --tls-key FILE --tls-cert FILE --options JSON`.
 * @returns {{ port: number, ssl?: { key: Buffer, cert: Buffer }, sslPaths?: { keyPath: string, certPath: string },
 *   options: object }}
 */
function serverArguments() {
  const { values } = parseArgs({
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
