'use strict';

// The header by which a hub shows another one that it knows the cluster's secret, made as docs/threat-model.md says.

const { createHmac, randomBytes } = require('node:crypto');

const HEADER = 'x-acebase-hub';

/** Where no client is spoken for. */
const NO_CLIENT = '-';

/**
 * @param {string} target The request: `GET /mydb_data/clients`.
 * @param {{ secret: string, hub?: string, at?: number }} settings `at`: when it was made, in milliseconds since 1970.
 * @returns {Record<string, string>} Headers.
 */
function credentials(target, { secret, hub = 'hub-x', at = Date.now() }) {
  const [method, path] = target.split(' ');
  const said = [hub, at, randomBytes(12).toString('hex'), NO_CLIENT].join(';');
  const mark = createHmac('sha256', secret).update([said, method, path].join('\n')).digest('hex');
  return { [HEADER]: `${said};${mark}` };
}

module.exports = { credentials };
