'use strict';

// The HTTP API of the examples' acebase-servers.

const http = require('node:http');
const { mkdirSync, writeFileSync } = require('node:fs');
const path = require('node:path');

/** How long one request may take, in milliseconds. */
const REQUEST_LIMIT = 10_000;

/** Rules that let everybody in, where `acebase-server` looks for them: signing in is not what is tested. */
function openToAll(folder) {
  const database = path.join(folder, 'mydb.acebase');
  mkdirSync(database);
  writeFileSync(path.join(database, 'rules.json'), JSON.stringify({ rules: { '.read': true, '.write': true } }));
}

/** Writes a value. `true`: it is confirmed. */
async function put(port, place, value) {
  await request(port, place, 'PUT', { val: value });
  return true;
}

async function get(port, place) {
  return (await request(port, place, 'GET')).val;
}

/** Asks over a new connection, for pm2 distributes connections. */
function request(port, place, method, body) {
  const headers = { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const options = { host: 'localhost', port, method, path: `/data/mydb/${place}`, headers, agent: false };
    const asked = http.request({ ...options, timeout: REQUEST_LIMIT }, async (response) => {
      try {
        const text = (await response.toArray()).join('');
        response.statusCode < 300 ? resolve(JSON.parse(text)) : reject(new Error(`${response.statusCode}: ${text}`));
      } catch (error) {
        reject(error);
      }
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end(body && JSON.stringify(body));
  });
}

module.exports = { get, openToAll, put };
