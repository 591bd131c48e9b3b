'use strict';

// Asks a running server over HTTP, and says in one line why there is no answer, and what to type instead. Knows nothing
// of what the answers mean.

const http = require('node:http');
const https = require('node:https');

const { printable } = require('../printable.js');

/** How long an answer may take, in milliseconds: a server that is slower than this is not well. */
const PATIENCE = 5000;

/** The longest answer that is read, in bytes: 64 MiB. */
const MAX_LENGTH = 64 * 1024 * 1024;

/** What a TLS port answers to plain HTTP. */
const SPEAKS_TLS = /speaks TLS|plain HTTP request was sent to HTTPS port/i;

/** What OpenSSL says where the other side speaks no TLS. */
const NO_TLS = ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO', 'HPE_INVALID_CONSTANT'];

/** Certificates that nobody vouches for whom this process knows. */
const UNKNOWN_AUTHORITY = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** There is no answer to be had; in one line, why. Whoever is there instead of a server may have a say in it. */
class NoAnswer extends Error {
  constructor(message) {
    super(printable(message));
  }
}

/**
 * Asks a server. Where it was not said whether it speaks TLS, that is found out: `look.url` is right afterwards.
 * @param {import('./look.js').Look} look
 * @param {string} path
 * @param {Record<string, unknown>} [parameters] Those that are undefined are left out.
 * @param {'GET' | 'POST'} [method]
 * @param {number} [patience] How long the answer may take, in milliseconds.
 * @returns {Promise<{ status: number, body: string }>}
 * @throws {NoAnswer}
 */
async function ask(look, path, parameters = {}, method = 'GET', patience = PATIENCE) {
  const answer = await askOnce(look, path, parameters, method, patience);
  if (answer.status !== 400 || !SPEAKS_TLS.test(answer.body)) {
    return answer;
  }
  const secure = new URL(look.url);
  secure.protocol = 'https:';
  // A port that is the scheme's own is not a part of a URL.
  secure.port = look.url.port || '80';
  if (look.isSchemeGiven) {
    throw new NoAnswer(`${look.url.origin} speaks TLS: use ${secure.origin}`);
  }
  look.url = secure;
  return askOnce(look, path, parameters, method, patience);
}

async function askOnce({ url, token, insecure }, path, parameters, method, patience) {
  const target = new URL(`${url.pathname.replace(/\/$/, '')}${path}`, url);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) {
      target.searchParams.set(name, value);
    }
  }
  const options = {
    method,
    headers: { accept: 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    rejectUnauthorized: !insecure,
    agent: false,
    signal: AbortSignal.timeout(patience),
  };
  return request(target, options).catch((error) => {
    throw new NoAnswer(`${url.origin} cannot be reached: ${whyNot(error, url, patience)}`);
  });
}

function request(target, options) {
  const { request: start } = target.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const message = start(target, options, async (response) => {
      try {
        resolve({ status: response.statusCode, body: await bodyOf(response) });
      } catch (error) {
        reject(error);
      }
    });
    message.on('error', reject);
    message.end();
  });
}

async function bodyOf(response) {
  const parts = [];
  let length = 0;
  for await (const part of response) {
    length += part.length;
    if (length > MAX_LENGTH) {
      throw new Error('its answer is too long');
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function whyNot(error, url, patience) {
  if (error.name === 'TimeoutError' || error.cause?.name === 'TimeoutError') {
    return `no answer within ${patience / 1000} s`;
  }
  // Of several addresses that were tried, the first one's failure.
  const { code, message } = error.errors?.[0] ?? error;
  if (code === 'ECONNREFUSED') {
    return 'nobody listens there';
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `there is no host of the name ${url.hostname}`;
  }
  if (url.protocol === 'https:' && NO_TLS.includes(code)) {
    return `it speaks no TLS: use http://${url.host}`;
  }
  if (UNKNOWN_AUTHORITY.includes(code)) {
    const advice = 'set NODE_EXTRA_CA_CERTS=ca.pem to the file of its authority, or use --insecure';
    return `${message}: nobody whom this process trusts vouches for its certificate; ${advice}`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for another name: ${message}`;
  }
  return message || code;
}

/** What to do where a server does not take a token, or none. */
function refusedToken({ url, token, db }) {
  const what = token ? 'this token' : 'requests without a token';
  const advice = db ? '' : '; with the token of one database, say which: db=NAME';
  return new NoAnswer(`${url.origin} does not take ${what}. Set TOKEN${advice}`);
}

module.exports = { ask, refusedToken, NoAnswer };
