'use strict';

// What shells propose for the command's arguments: asked of the shells themselves.

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const { mkdirSync, symlinkSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { after, test } = require('node:test');

const { OPTIONS, SSL_OPTIONS } = require('../lib/config/options.js');
const { makeFolder } = require('./support/folder.js');
const { noShell } = require('./support/platform.js');
const { ROOT } = require('./support/process.js');

const COMMAND = path.join(ROOT, 'bin', 'acebase-ipc-server.js');

/** Shells take no command for one that they do not find. */
const folder = makeFolder({ after }, 'completion');
const env = { ...process.env, PATH: `${path.join(folder, 'bin')}${path.delimiter}${process.env.PATH}`, HOME: folder };
mkdirSync(path.join(folder, 'bin'));
if (!noShell) {
  symlinkSync(COMMAND, path.join(folder, 'bin', 'acebase-ipc-server'));
}
writeFileSync(path.join(folder, 'cert.pem'), '');

function script(shell) {
  const file = path.join(folder, shell);
  writeFileSync(file, execFileSync(process.execPath, [COMMAND, 'completion', shell]));
  return file;
}

function run(shell, ...args) {
  const { stdout, stderr } = spawnSync(shell, args, { encoding: 'utf8', cwd: folder, env });
  assert.equal(stderr, '');
  return stdout.split('\n').filter((line) => line !== '');
}

/** How each shell is asked what could stand at the end of a line. */
const SHELLS = {
  bash(line) {
    // As bash does: an equals sign is a word of its own.
    const words = line.split(/ |(=)/).filter((word) => word !== undefined);
    const isCut = words.at(-1) === '' && words.at(-2) === '=';
    const given = (isCut ? words.slice(0, -1) : words).map((word) => `'${word}'`);
    const ask = `COMP_WORDS=(${given.join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _acebase_ipc_server`;
    const proposals = run('bash', '-c', `. ${script('bash')}; ${ask}; printf '%s\\n' "\${COMPREPLY[@]}"`);
    const written = line.slice(line.lastIndexOf(' ') + 1);
    const before = written.includes('=') ? written.slice(0, written.indexOf('=') + 1) : '';
    return proposals.map((word) => `${before}${word.trimEnd()}`);
  },
  fish(line) {
    return run('fish', '-c', `source ${script('fish')}; complete -C '${line}'`).map((found) => found.split('\t')[0]);
  },
};

for (const [shell, complete] of Object.entries(SHELLS)) {
  const skip = noShell || (spawnSync(shell, ['--version']).status !== 0 && `${shell} is not installed`);

  test(`${shell} proposes what the command can do`, { skip }, () => {
    assert.deepEqual(complete('acebase-ipc-server sta'), ['status']);
    assert.deepEqual(complete('acebase-ipc-server completion ').sort(), ['bash', 'fish', 'zsh']);
    assert.deepEqual(complete('acebase-ipc-server --ver'), ['--version']);
  });

  test(`${shell} proposes every option that can be written, and its values`, { skip }, () => {
    const proposed = complete('acebase-ipc-server port=1 ');
    for (const { name, isCodeOnly } of [...OPTIONS, ...SSL_OPTIONS]) {
      assert.equal(proposed.includes(`${name}=`), !isCodeOnly, name);
    }
    assert.deepEqual(complete('acebase-ipc-server port=1 keepP').at(0), 'keepPort=');
    const levels = complete('acebase-ipc-server logLevel=').filter((word) => word !== 'logLevel=');
    assert.deepEqual(
      levels.sort(),
      ['debug', 'error', 'info', 'silent', 'warn'].map((level) => `logLevel=${level}`),
    );
    assert.deepEqual(complete('acebase-ipc-server ssl=1 keepPort=1'), ['keepPort=1']);
  });

  test(`${shell} proposes what a look can be told`, { skip }, () => {
    const proposed = complete('acebase-ipc-server top ');
    assert.ok(proposed.includes('db=') && proposed.includes('token='), proposed.join());
    assert.ok(!proposed.includes('keepPort='));
    assert.deepEqual(complete('acebase-ipc-server status --js'), ['--json']);
  });

  test(`${shell} proposes files`, { skip }, () => {
    assert.deepEqual(complete('acebase-ipc-server --config ce'), ['cert.pem']);
  });
}

test('zsh can read the script', {
  skip: noShell || (spawnSync('zsh', ['--version']).status !== 0 && 'zsh is not installed'),
}, () => {
  assert.deepEqual(run('zsh', '-f', '-c', `autoload -U compinit; compinit -u; . ${script('zsh')}; echo good`), [
    'good',
  ]);
});

test('no other shell is known', () => {
  const { status, stderr } = spawnSync(process.execPath, [COMMAND, 'completion', 'cmd'], { encoding: 'utf8' });
  assert.equal(stderr, 'acebase-ipc-server: completion needs the name of a shell: bash, zsh, fish\n');
  assert.equal(status, 1);
});
