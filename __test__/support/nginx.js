'use strict';

// A real nginx in front of a server, with the configuration that docs/proxy.md recommends. Only where there is one.

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { deferFolder } = require('../cluster/support/scope.js');
const { pem } = require('./certificates.js');
const { findCommand, startForeign } = require('./foreign.js');
const { freePort } = require('./port.js');
const { ROOT } = require('./process.js');

/** Folders that nginx wants to write to, wherever it was built to have them. */
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

const command = findCommand('nginx', ['-v']);

/** Why tests with nginx cannot run here; `false` if they can. */
const noNginx = !command && 'no nginx was found (apt-get install nginx-light)';

/** The configuration in the documentation, as its reader would fill it in. */
function documented(port, upstream) {
  const page = readFileSync(path.join(ROOT, 'docs', 'proxy.md'), 'utf8');
  const [, text] = page.match(/```nginx\n(.*?)```/s);
  const { certPath, keyPath } = pem();
  const changes = [
    ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
    ['http://127.0.0.1:9163', `http://127.0.0.1:${upstream}`],
    ['/etc/ssl/ipc/cert.pem', certPath],
    ['/etc/ssl/ipc/key.pem', keyPath],
    ['/var/log/nginx/ipc.log', 'ipc.log'],
  ];
  return changes.reduce((config, [documents, here]) => {
    if (config.split(documents).length !== 2) {
      throw new Error(`docs/proxy.md should have "${documents}" once`);
    }
    return config.replace(documents, here);
  }, text);
}

/**
 * Starts nginx in front of a server on a port of this machine.
 * @param {import('node:test').TestContext} t It ends with this test.
 * @param {number} upstream The server's port.
 * @returns {Promise<{ port: number, isTls: true }>} What helpers that connect need to know.
 */
async function startNginx(t, upstream) {
  const folder = deferFolder(t, 'nginx');
  const port = await freePort();
  const folders = TEMPORARY.map((name) => `${name}_temp_path ${name};`).join(' ');
  // One process, so that ending it ends all of it.
  const main = 'daemon off; master_process off; pid nginx.pid; error_log stderr; events { worker_connections 1024; }';
  writeFileSync(path.join(folder, 'nginx.conf'), `${main}\nhttp { ${folders}\n${documented(port, upstream)}\n}\n`);
  await startForeign(t, [command, '-p', folder, '-c', 'nginx.conf'], { port });
  return { port, isTls: true };
}

module.exports = { noNginx, startNginx };
