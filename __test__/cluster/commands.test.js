'use strict';

// The commands of README and docs as they are written there, in a shell, one after the other, each page in a folder and
// a network of its own: the ports are those of the text.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { cpSync, mkdirSync, symlinkSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { ROOT, start } = require('../support/process.js');
const { PAGES, shellBlocks } = require('../support/readme.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { openToAll } = require('./support/http-api.js');
const { linkPackages } = require('./support/packages.js');
const { preparePm2 } = require('./support/pm2.js');
const { defer, deferFolder } = require('./support/scope.js');
const { until, within } = require('./support/wait.js');

/** How long one command may take, and how long all may take to come up, in milliseconds. */
const LIMIT = 30_000;

/** A network that only these processes have. */
const OWN_NETWORK = ['unshare', ['-n', 'sh', '-c', 'ip link set lo up && echo up && exec sleep 600']];

const canUnshare = spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
const skip = !canUnshare && 'needs Linux, root and iproute2, for a network of its own';

/** What is not run here, and why. */
const LEFT_OUT = [
  /^npm (install|test|run)\b|^cargo bench$/, // Installs what is there already, or runs for long; docs.test.js looks at it.
  /^(cd examples\/(docker|hubs)|IPC_TOKEN=.*|docker .*|kubectl .*)$/, // Needs containers.
  /^npx acebase-ipc-server top$/, // Needs a terminal, and ends by a key.
  /^npx acebase-ipc-server (trace|kick) db=/, // Prints what is carried meanwhile; takes an id that only a reader knows.
  /^npx acebase-ipc-server doctor$/, // Looks at the whole machine, also at the databases of other tests.
  /^npx acebase-ipc-server status https:\/\/ipc\.example\.com:9163$/, // There is no such host.
];

/** The commands that were run, as they were written. */
const ran = new Set();

/**
 * A folder with the packages that the reader has installed, and a shell there.
 * @param {import('node:test').TestContext} t
 * @param {string} [example] What is in the folder.
 * @param {{ env?: Record<string, string>, beside?: { pid: number } }} [settings] `env`: more of the environment.
 *   `beside`: another shell, in whose network this one is.
 */
async function openShell(t, example, { env: more, beside } = {}) {
  const folder = deferFolder(t, 'commands');
  if (example) {
    cpSync(path.join(ROOT, 'examples', example), folder, { recursive: true });
  }
  linkPackages(folder);
  const commands = path.join(folder, 'node_modules', '.bin');
  mkdirSync(commands);
  symlinkSync('../acebase-ipc-server/bin/acebase-ipc-server.js', path.join(commands, 'acebase-ipc-server'));
  symlinkSync(path.join(ROOT, 'node_modules', 'pm2', 'bin', 'pm2'), path.join(commands, 'pm2'));
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');

  const pid = beside?.pid ?? (await openNetwork(t));
  const launcher = ['nsenter', '-t', String(pid), '-n'];
  const own = { PM2_HOME: path.join(folder, 'pm2'), TMPDIR: folder, npm_config_offline: 'true' };
  const env = { ...process.env, ...own, ...more };
  const [enter, ...inside] = [...launcher, 'bash', '-c'];
  const launch = (command, options) => start(t, enter, [...inside, command], { cwd: folder, env, ...options });
  return {
    folder,
    pid,
    launcher,
    /** Runs a command to its end, and gives what it has printed. */
    async run(command, expected = 0) {
      ran.add(command);
      const { code, stdout, stderr } = await within(command, LIMIT, launch(command).ended);
      assert.equal(code, expected, `${command}\n${stdout}${stderr}`);
      return stdout;
    },
    /** Starts one that stays in the foreground. Ctrl-C ends it: a terminal tells all processes of the command. */
    async stay(command, pattern) {
      ran.add(command);
      const { child, printed, ended } = launch(`env ${command}`, { detached: true });
      const isRunning = () => child.exitCode === null && child.signalCode === null;
      const interrupt = () => isRunning() && process.kill(-child.pid, 'SIGINT');
      defer(t, interrupt);
      await within(command, LIMIT, printed(pattern));
      return async () => {
        interrupt();
        await within(`the end of ${command}`, LIMIT, ended);
      };
    },
  };
}

/** The process that a new network belongs to. */
async function openNetwork(t) {
  const { child, printed } = start(t, ...OWN_NETWORK);
  await printed(/up/);
  return child.pid;
}

/** The lines of a page's blocks, without their comments. */
function linesOf(page, at) {
  return blocksOf(page)[at];
}

function blocksOf(page) {
  return shellBlocks(page).map((lines) => lines.map((line) => line.split(/\s+#\s/)[0]));
}

/** The clients of all databases, each with the time since when it is connected: of the connection, not the process. */
async function connections(shell) {
  const { databases } = JSON.parse(await shell.run('npx acebase-ipc-server status --json'));
  return databases.flatMap(({ peers }) => peers.map(({ id, connectedAt }) => `${id} ${connectedAt}`)).sort();
}

test('README: a server without a script, and how it is', { skip }, async (t) => {
  const shell = await openShell(t);
  const end = await shell.stay(linesOf('README.md', 1)[0], /running on port 9163/);
  const [status, , json] = linesOf('README.md', 3);
  assert.match(await shell.run(status), /AceBase IPC server/);
  JSON.parse(await shell.run(json));
  await end();
});

test('docs/pm2.md: the recommended set-up, and its restarts, which nobody notices', { skip }, async (t) => {
  const shell = await openShell(t, 'pm2-dedicated-master');
  preparePm2(t, shell.folder);
  const [install, startAll] = linesOf('docs/pm2.md', 0);
  assert.match(install, /^npm install /);
  // Two workers, however many processors there are.
  await shell.run('sed -i \'s/"-2"/2/\' ecosystem.config.js');
  await shell.run(startAll);
  await until('a master and two workers', LIMIT, async () => (await connections(shell)).length === 3);
  assert.match(await shell.run(linesOf('docs/troubleshooting.md', 0)[0]), /mydb_data/);
  const [byPort, forMonitors, , , , , completion] = linesOf('docs/operating.md', 0);
  assert.match(await shell.run(byPort), /mydb_data/);
  await shell.run(forMonitors);
  assert.match(await shell.run(completion), /complete/);
  const before = await connections(shell);

  const [upgrade, restart, status] = linesOf('docs/pm2.md', 2);
  assert.match(upgrade, /^npm install /);
  for (const command of [restart, 'npx pm2 reload ipc', 'npx pm2 stop ipc && npx pm2 start ipc']) {
    await shell.run(command);
    await until(`the server, after ${command}`, LIMIT, () => shell.run(status).catch(() => false));
    assert.deepEqual(await connections(shell), before, command);
  }
  await shell.stay('npx pm2 logs ipc', /Goes on with 3 connections|running on port 9163/).then((end) => end());
  await shell.run('npx pm2 delete ipc');
  await shell.run(status, 1);
});

test('docs/pm2.md: the command as an app', { skip }, async (t) => {
  const shell = await openShell(t);
  preparePm2(t, shell.folder);
  for (const line of linesOf('docs/pm2.md', 1)) {
    await shell.run(line);
  }
});

test('docs/tls.md: an authority, a certificate, a server and a client that trusts it', { skip }, async (t) => {
  const shell = await openShell(t);
  for (const line of linesOf('docs/tls.md', 0)) {
    await shell.run(line);
  }
  const [server, status] = linesOf('docs/tls.md', 1);
  const end = await shell.stay(server, /running on port 9163/);
  assert.match(await shell.run(status), /AceBase IPC server/);
  assert.match(await shell.run(linesOf('docs/tls.md', 2)[0]), /^[0-9a-f]{48}\n$/);
  for (const line of linesOf('docs/tls.md', 3)) {
    await shell.run(line);
  }
  await end();
  await shell.run(linesOf('docs/tls.md', 4)[0]);
  const endOfHub = await shell.stay(server.replace('cert.pem', 'chain.pem'), /running on port 9163/);
  assert.match(await shell.run(status), /AceBase IPC server/);
  await endOfHub();
});

/** Which block of docs/cluster.md hands a database over. */
const HANDOVER = blocksOf('docs/cluster.md').findIndex(([line]) => line.includes(' handover '));

test('docs/cluster.md: two hubs, each of which knows the other', { skip: skip || noRedis }, async (t) => {
  const shell = await openShell(t);
  await startRedis(t, { port: 6379, launcher: shell.launcher });
  const [first, second, status] = linesOf('docs/cluster.md', 0);
  const ends = [await shell.stay(first, /running on port 9163/), await shell.stay(second, /running on port 9164/)];
  await until('both hubs', LIMIT, async () => {
    const report = await shell.run(status);
    return report.includes('localhost:9163') && report.includes('localhost:9164');
  });
  // The first hub that is asked for a database has it.
  await shell.run(`node -e "fetch('http://localhost:9163/mydb_data/clients')"`);
  const [handover] = linesOf('docs/cluster.md', HANDOVER);
  assert.match(await shell.run(handover), /localhost:9164/);
  assert.match(await shell.run('npx acebase-ipc-server status'), /mydb_data: at localhost:9164/);
  for (const end of ends) {
    await end();
  }
});

test('docs/cluster.md: pm2 on two machines', { skip: skip || noRedis }, async (t) => {
  const data = deferFolder(t, 'data');
  openToAll(data);
  const env = { IPC_TOKEN: 'a-token', TOKEN: 'a-token', CLUSTER_SECRET: 'a-secret-of-all-hubs', DATA: data };
  const first = await openShell(t, 'hubs', { env });
  const second = await openShell(t, 'hubs', { env, beside: first });
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.9']) {
    await first.run(`ip address add ${address}/32 dev lo`);
  }
  await startRedis(t, { host: '10.0.0.9', port: 6379, launcher: first.launcher });
  const [install, startFirst, startSecond, status] = linesOf('docs/cluster.md', 1);
  assert.match(install, /^npm install /);
  for (const [shell, command] of [
    [first, startFirst],
    [second, startSecond],
  ]) {
    preparePm2(t, shell.folder);
    // One worker each, however many processors there are.
    await shell.run('sed -i \'s/"-2"/1/\' ecosystem.config.js');
    await shell.run(command);
  }
  assert.match(await second.run(status), /of 2 hubs: .*10\.0\.0\.\d:9163.*10\.0\.0\.\d:9163/);
  // Each hub shows the clients of the databases that it has.
  const places = [status, status.replace('10.0.0.2', '10.0.0.1')];
  await until('a master and two workers', LIMIT, async () => {
    const reports = await Promise.all(places.map((place) => second.run(`${place} --json`)));
    const databases = reports.flatMap((report) => JSON.parse(report).databases);
    return databases.some(({ peers }) => peers.length === 3);
  });
});

test('no command of the documentation is left out', { skip }, () => {
  for (const page of PAGES) {
    for (const line of blocksOf(page).flat()) {
      assert.ok(ran.has(line) || LEFT_OUT.some((reason) => reason.test(line)), `${page}: ${line}`);
    }
  }
});
