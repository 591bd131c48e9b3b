'use strict';

// Runs commands, at low priority: what compiles for minutes should not stand in the way of other work.

const { spawnSync } = require('node:child_process');

/**
 * A command that runs longer than this, in milliseconds, hangs: a target takes minutes, or an hour beside other work.
 */
const LIMIT = 120 * 60_000;

/** Runs a command. What it says is in `said`. */
function run(command, args, options = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync('nice', ['-n', '15', command, ...args], {
    encoding: 'utf8',
    timeout: LIMIT,
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  return { isGood: status === 0, said: `${stdout ?? ''}${stderr ?? ''}${signal ?? ''}${error?.message ?? ''}` };
}

/**
 * Runs a command that must not fail.
 * @throws {Error} With the last of what it said.
 */
function must(command, args, options) {
  const { isGood, said } = run(command, args, options);
  if (!isGood) {
    throw new Error(`${command} ${args.join(' ')} failed:\n${said.trim().split('\n').slice(-20).join('\n')}`);
  }
  return said;
}

module.exports = { must, run };
