'use strict';

// The documentation: its links lead somewhere, and the commands in it are ones that the command line takes.

const assert = require('node:assert/strict');
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { readCommandLine, VARIABLES } = require('../lib/command-line/command-line.js');
const { ROOT } = require('./support/process.js');
const { files } = require('./support/readme.js');

const PAGES = [
  'README.md',
  'examples/README.md',
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

function read(file) {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

/** What the shell would give to the command: comments, and all that is around it, taken off. */
function argumentsOf(line) {
  const [, rest] = line.split(/\s#\s/)[0].match(/(?:acebase-ipc-server(?:\.js)?)\s*(.*)$/);
  const args = rest.replace(/^.*? -- /, '').split(/\s+/);
  return args.filter((arg) => arg !== '' && arg !== '--config' && arg !== 'file.json');
}

for (const page of PAGES) {
  test(`${page}: every link leads to a file`, () => {
    for (const [, target] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.ok(existsSync(path.join(ROOT, path.dirname(page), target)), target);
    }
  });

  test(`${page}: the command line takes every command`, () => {
    const blocks = [...read(page).matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block);
    const lines = blocks
      .flatMap((block) => block.split('\n'))
      .filter((line) => /(npx acebase-ipc-server|server\.js)\b/.test(line));
    for (const line of lines) {
      assert.doesNotThrow(() => readCommandLine(argumentsOf(line), {}), line);
    }
  });
}

/** Code without the lines that are comments alone. */
function code(text) {
  return text.replace(/^\/\/.*\n/gm, '').trim();
}

test("the README's files for pm2 are those of the example", () => {
  const names = Object.keys(files());
  assert.deepEqual(names.sort(), readdirSync(path.join(ROOT, 'examples', 'pm2-dedicated-master')).sort());
  for (const name of names) {
    assert.equal(code(files()[name]), code(read(`examples/pm2-dedicated-master/${name}`)), name);
  }
});

test('AceBaseServer gets ipc beside its own path, never in a storage that would take the place of it', () => {
  const scripts = readdirSync(path.join(ROOT, 'examples'), { recursive: true }).filter((name) => name.endsWith('.js'));
  const texts = [...PAGES, ...scripts.map((name) => `examples/${name}`)].map(read);
  const calls = texts.flatMap((text) => text.match(/new AceBaseServer\(.*?\);/g) ?? []);
  assert.ok(calls.length >= 4, calls.join());
  for (const call of calls) {
    assert.match(call, /\bipc\b/);
    assert.doesNotMatch(call, /\bstorage\b/);
  }
  const original = "{ host: 'localhost', port: 5757, ipc: { port: 9163, role: 'worker' } }";
  assert.equal(calls.filter((call) => call.includes(original)).length, 2);
});

test('the examples for containers set variables that there are', () => {
  const known = VARIABLES.map(({ variable }) => variable);
  const manifest = read('examples/kubernetes/acebase-ipc.yaml');
  const names = [...manifest.matchAll(/^ +- (?:\{ )?name: ([A-Z_]+)\b/gm)].map(([, name]) => name);
  const [, server] = read('examples/docker/docker-compose.yml').match(/^ {2}ipc:\n(.*?)\n\n/ms);
  names.push(...[...server.matchAll(/^ {6}([A-Z_]+):/gm)].map(([, name]) => name));
  assert.ok(names.length >= 9, names.join());
  for (const name of names) {
    assert.ok(known.includes(name), name);
  }
});
