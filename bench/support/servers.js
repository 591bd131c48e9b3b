'use strict';

// Starts and stops the servers under test: each a process of its own, on a core of its own.

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

/** The core of the server. The load generator has the next one. */
const SERVER_CORE = '0';
/** How long a server may take to say that it is ready, in milliseconds. */
const START_PATIENCE = 10_000;
/** How long a server may take to stop before it is killed, in milliseconds. */
const STOP_PATIENCE = 3_000;

const EXIT_INTERRUPTED = 130;

const bench = path.join(__dirname, '..');
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
// Without these, a signal would end this process past its exit handlers and leave the servers running.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(EXIT_INTERRUPTED));

/** Where the server kinds are; `hub` may be replaced by any command that understands the same arguments. */
function commands(hub) {
  return {
    hub: hub ? hub.split(' ') : [process.execPath, path.join(bench, 'hub.js')],
    ws: [process.execPath, path.join(bench, 'ws-router.js')],
    // Built with the load generator.
    floor: [path.join(bench, 'load', 'target', 'release', 'acebase-ipc-floor')],
  };
}

/**
 * @param {{ command: string[], options?: object, certificate?: { key: string, cert: string }, anyCore?: boolean }} what
 * @returns {Promise<{ port: number, pid: number, stop(): Promise<void> }>}
 */
async function startServer({ command, options = {}, certificate, anyCore = false }) {
  const tls = certificate ? ['--tls-key', certificate.key, '--tls-cert', certificate.cert] : [];
  const full = [...command, '--port', '0', '--options', JSON.stringify(options), ...tls];
  const [program, ...args] = anyCore ? full : ['taskset', '-c', SERVER_CORE, ...full];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const exited = new Promise((resolve) => {
    child.once('error', resolve);
    child.once('exit', resolve);
  }).finally(() => running.delete(child));
  const port = await readyPort(child, command, exited);
  return { port, pid: child.pid, stop: () => stop(child, exited) };
}

async function readyPort(child, command, exited) {
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint = (complaint + text).slice(-2000);
  });
  let timer;
  const ready = new Promise((resolve) => {
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      const [, port] = /^ready (\d+)$/.exec(line) ?? [];
      if (port) resolve(Number(port));
    });
  });
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, START_PATIENCE);
  });
  const port = await Promise.race([ready, exited.then(() => undefined), late]);
  clearTimeout(timer);
  if (port) return port;
  child.kill('SIGKILL');
  throw new Error(`server did not start: ${command.join(' ')}\n${complaint}`);
}

async function stop(child, exited) {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE);
  await exited;
  clearTimeout(timer);
}

/** Makes a self-signed certificate that lasts for a day. @returns {{ key: string, cert: string }} */
function makeCertificate() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'acebase-ipc-bench-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(folder, name));
  const args = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost';
  execFileSync('openssl', [...args.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key, cert };
}

module.exports = { commands, startServer, makeCertificate };
