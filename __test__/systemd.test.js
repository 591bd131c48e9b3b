'use strict';

// The service of systemd in the examples: systemd understands each line, the command each variable.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { VARIABLES } = require('../lib/command-line/command-line.js');
const { makeFolder } = require('./support/folder.js');
const { ROOT } = require('./support/process.js');

const UNIT = readFileSync(path.join(ROOT, 'examples', 'systemd', 'acebase-ipc.service'), 'utf8');

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

test('systemd understands the service', { skip: !hasSystemd && 'systemd is not installed' }, (t) => {
  const file = path.join(makeFolder(t, 'systemd'), 'acebase-ipc.service');
  writeFileSync(file, UNIT.replace('/usr/bin/node', process.execPath));
  const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  const remarks = (stdout + stderr).split('\n').filter((line) => line.includes('acebase-ipc'));
  assert.deepEqual(remarks, []);
});

test('the service sets variables that there are, and starts a file that is in the package', () => {
  const lines = [...UNIT.matchAll(/^Environment=(.*)$/gm)].map(([, line]) => line);
  const names = lines.flatMap((line) => line.split(' ').map((one) => one.split('=')[0]));
  assert.deepEqual(
    names.filter((name) => !VARIABLES.some(({ variable }) => variable === name)),
    // Of the system, not of the server: where the keeper is found.
    ['TMPDIR'],
  );
  const [, script] = UNIT.match(/^ExecStart=\S+ node_modules\/acebase-ipc-server\/(\S+)$/m);
  assert.ok(existsSync(path.join(ROOT, script)));
});
