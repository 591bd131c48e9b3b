'use strict';

// Ways to run a hub that keeps its port, and to restart it: each prepares one and tells how its clients reach it.

const { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const { AceBaseIPCServer } = require('../../../../index.js');
const { pem } = require('../../../support/certificates.js');
const { freePort } = require('../../../support/port.js');
const { HOST, startCommand } = require('../hub.js');
const { preparePm2 } = require('../pm2.js');
const { defer } = require('../scope.js');
const { sleep, until } = require('../wait.js');

const ROOT = path.join(__dirname, '..', '..', '..', '..');

/** How long a hub may take to be back, in milliseconds. */
const START_LIMIT = 20_000;

/** How long a hub stands still that is not restarted at all, in milliseconds: as long as a restart takes. */
const PAUSE = 500;

/** What a server prints when it listens. */
const RUNNING = /AceBase IPC server running/g;

/** The app's name in pm2. */
const APP = 'hub';

/**
 * @typedef {object} RunningHub
 * @property {number} port
 * @property {boolean} isTls
 * @property {object} [ipc] More settings of its clients.
 * @property {Record<string, string>} [env] Of its clients' processes.
 * @property {() => Promise<void>} restart Resolves when the next one listens.
 */

/**
 * The command of the package.
 * @param {'terminate' | 'end'} ending How it is ended: in order, or by a kill.
 * @param {string[]} [args]
 * @returns {Promise<RunningHub>}
 */
async function runCommand(t, ending, args = []) {
  const port = await preparePort(t);
  const start = () => startCommand(t, [`host=${HOST}`, `port=${port}`, 'keep_port=true', ...args]);
  let hub = await start();
  return {
    port,
    isTls: false,
    async restart() {
      await hub[ending]();
      hub = await start();
    },
  };
}

/** The command stands still instead of being restarted. */
async function runPaused(t) {
  const port = await preparePort(t);
  const hub = await startCommand(t, [`host=${HOST}`, `port=${port}`]);
  return {
    port,
    isTls: false,
    async restart() {
      hub.signal('SIGSTOP');
      await sleep(PAUSE);
      hub.signal('SIGCONT');
    },
  };
}

/** The command with a certificate that its clients trust. `nodeOptions`: of the clients. */
async function runTls(t, nodeOptions = []) {
  const { certPath, keyPath } = pem();
  const hub = await runCommand(t, 'terminate', ['ssl=1', `cert_path=${certPath}`, `key_path=${keyPath}`]);
  return {
    ...hub,
    isTls: true,
    ipc: { ssl: true },
    env: { NODE_EXTRA_CA_CERTS: certPath, NODE_OPTIONS: nodeOptions.join(' ') },
  };
}

/**
 * A script of three lines under pm2.
 * @param {'restart' | 'reload'} command
 * @param {'fork' | 'cluster'} mode
 * @returns {Promise<RunningHub>}
 */
async function runPm2(t, command, mode) {
  const port = await preparePort(t);
  const pm2 = preparePm2(t, makeApp(t, port, mode));
  await pm2.start();
  const [{ logs }] = await pm2.list();
  const starts = () => readFileSync(logs[0], 'utf8').match(RUNNING)?.length ?? 0;
  await until('the hub', START_LIMIT, () => starts() > 0);
  return {
    port,
    isTls: false,
    async restart() {
      const before = starts();
      await pm2.tell(command, APP);
      await until('the next hub', START_LIMIT, () => starts() > before);
    },
  };
}

/** The folder of the app, as its user would write it. */
function makeApp(t, port, mode) {
  const folder = mkdtempSync(path.join(tmpdir(), 'acebase-ipc-restarts-'));
  defer(t, () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(ROOT, path.join(folder, 'node_modules', 'acebase-ipc-server'));
  writeFileSync(
    path.join(folder, 'start-ipc-server.js'),
    `const { AceBaseIPCServer } = require('acebase-ipc-server');
const server = new AceBaseIPCServer({ host: '${HOST}', port: ${port}, keepPort: true });
server.start();
`,
  );
  const app = { name: APP, script: './start-ipc-server.js', exec_mode: mode };
  writeFileSync(path.join(folder, 'ecosystem.config.js'), `module.exports = ${JSON.stringify({ apps: [app] })}`);
  return folder;
}

/** A port whose keeper, and what that keeps, goes with the test. */
async function preparePort(t) {
  const port = await freePort();
  defer(t, async () => {
    const last = new AceBaseIPCServer({ host: HOST, port, keepPort: true, logLevel: 'silent' });
    await last.start();
    await last.stop();
  });
  return port;
}

module.exports = { runCommand, runPaused, runPm2, runTls };
