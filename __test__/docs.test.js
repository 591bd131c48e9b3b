'use strict';

// The documentation: its links lead somewhere, and the commands in it are ones that the command line takes.

const assert = require('node:assert/strict');
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { readCommandLine, VARIABLES } = require('../lib/command-line/command-line.js');
const manifest = require('../package.json');
const { ROOT } = require('./support/process.js');
const { files, PAGES } = require('./support/readme.js');

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

/** What npm installs for the reader: this package, and what the tests install as well. */
const INSTALLED = [manifest.name, ...Object.keys(manifest.devDependencies)];

test('npm has the packages and the scripts that the documentation tells it to install and to run', () => {
  const texts = PAGES.map(read).join('\n');
  const packages = [...texts.matchAll(/^npm install (.+)$/gm)].flatMap(([, names]) => names.split(' '));
  const scripts = [...texts.matchAll(/\bnpm run (\w[\w:-]*\w)/g)].map(([, name]) => name);
  assert.ok(packages.length > 10 && scripts.length > 10);
  for (const name of packages) {
    assert.ok(INSTALLED.includes(name.replace(/(?<=.)@.*/, '')), name);
  }
  for (const name of scripts) {
    assert.ok(manifest.scripts[name], `npm run ${name}`);
  }
});

test("the words of README's picture, for whom it is not shown to, have its figures", () => {
  const [, words, picture] = read('README.md').match(/!\[([^\]]+)\]\((\S+\.svg)\)/);
  const figures = words.match(/[\d.]+×/g);
  assert.ok(figures.length > 3);
  for (const figure of figures) {
    assert.ok(read(picture).includes(`>${figure}<`), figure);
  }
});

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

test("docs/cluster.md's configuration of HAProxy is that of the example", () => {
  const [, text] = read('docs/cluster.md').match(/```haproxy\n(.*?)```/s);
  assert.equal(text, read('examples/hubs/haproxy.cfg'));
});

/** The variables that a manifest of Kubernetes sets. */
function variablesOfPods(file) {
  return [...read(file).matchAll(/^ +- (?:\{ )?name: ([A-Z_]+)\b/gm)].map(([, name]) => name);
}

/** Those that a compose file sets for its servers. */
function variablesOfServers(file, name) {
  const services = [...read(file).matchAll(new RegExp(`^ {2}${name}:[^\\n]*\\n(.*?)\\n\\n`, 'gms'))];
  return services.flatMap(([, text]) => [...text.matchAll(/^ {6}([A-Z_]+):/gm)].map(([, variable]) => variable));
}

test('the examples for containers set variables that there are', () => {
  const known = VARIABLES.map(({ variable }) => variable);
  const names = [
    ...variablesOfPods('examples/kubernetes/acebase-ipc.yaml'),
    ...variablesOfServers('examples/docker/docker-compose.yml', 'ipc'),
  ];
  assert.ok(names.length >= 9, names.join());
  const ofHubs = [
    ...variablesOfPods('examples/hubs/kubernetes.yaml'),
    ...variablesOfServers('examples/hubs/docker-compose.yml', 'hub-\\d'),
  ];
  assert.ok(ofHubs.filter((name) => name.startsWith('CLUSTER')).length >= 12, ofHubs.join());
  for (const name of [...names, ...ofHubs]) {
    assert.ok(known.includes(name), name);
  }
});
