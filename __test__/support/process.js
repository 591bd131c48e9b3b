'use strict';

// Runs scripts and commands in processes of their own.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');

/** The command that the package installs. */
const COMMAND = path.join(ROOT, 'bin', 'acebase-ipc-server.js');

/** A process that runs longer than this, in milliseconds, hangs. */
const PATIENCE = 60_000;

/** Starts a command; it is killed when its test is over. What it says is in `stdout` and `stderr`. */
function start(t, command, args, options = {}) {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const process = { child, stdout: '', stderr: '' };
  child.stdout.on('data', (data) => {
    process.stdout += data;
  });
  child.stderr.on('data', (data) => {
    process.stderr += data;
  });
  process.ended = once(child, 'close').then(([code, signal]) => ({ ...process, code, signal }));
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  t.after(() => {
    clearTimeout(timer);
    child.kill('SIGKILL');
  });
  /** Waits until it has printed `pattern`; gives the match. */
  process.printed = async (pattern) => {
    while (!pattern.test(process.stdout)) {
      const [what] = await Promise.race([once(child.stdout, 'data'), process.ended.then(() => [])]);
      if (!what) {
        throw new Error(`the process ended without printing ${pattern}: ${process.stdout}${process.stderr}`);
      }
    }
    return process.stdout.match(pattern);
  };
  return process;
}

/** Runs a script of Node.js to its end. */
function runScript(script, t, { args = [] } = {}) {
  return start(t, globalThis.process.execPath, [...args, '-e', script]).ended;
}

module.exports = { COMMAND, ROOT, runScript, start };
