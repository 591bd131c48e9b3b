'use strict';

// Which copies of AceBase get the transport: each that a program can load, and none of another shape.

const assert = require('node:assert/strict');
const { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { pathToFileURL } = require('node:url');

const { findCopies } = require('../../lib/client/find.js');
const { makeFolder } = require('../support/folder.js');
const { ROOT, start } = require('../support/process.js');

const CLIENT = path.join(ROOT, 'lib', 'client', 'index.js');
const MODULES = path.join(ROOT, 'node_modules');

/** A program's folder with a copy of AceBase at each of these places, and what AceBase needs. */
function makeProgram(t, ...places) {
  const folder = makeFolder(t, 'finding');
  mkdirSync(path.join(folder, 'node_modules'));
  for (const name of ['acebase-core', 'ws', 'unidecode']) {
    cpSync(path.join(MODULES, name), path.join(folder, 'node_modules', name), { recursive: true });
  }
  for (const place of places) {
    cpSync(path.join(MODULES, 'acebase'), path.join(folder, ...place.split('/')), { recursive: true });
  }
  return folder;
}

/** Runs a script in a program's folder, with the client of this repository. */
function run(t, folder, name, script, args = []) {
  writeFileSync(path.join(folder, name), script);
  return start(t, process.execPath, [...args, name], { cwd: folder }).ended;
}

test('each copy is found: the own one, and those of other packages', (t) => {
  const places = ['node_modules/acebase', 'node_modules/acebase-server/node_modules/acebase'];
  const nested = 'node_modules/@scope/package/node_modules/acebase';
  const stored = 'node_modules/.pnpm/acebase@1.29.13/node_modules/acebase';
  const folder = makeProgram(t, ...places, nested, stored);
  const found = findCopies([path.join(folder, 'deep', 'in', 'it')]);
  for (const place of [...places, nested, stored]) {
    assert.ok(
      found.some((copy) => copy.endsWith(path.normalize(place))),
      place,
    );
  }
});

test('a link to a copy is that copy', (t) => {
  const folder = makeProgram(t, 'node_modules/.pnpm/acebase@1.29.13/node_modules/acebase');
  try {
    // A junction, which anybody may make on Windows; elsewhere there is one kind of link only.
    symlinkSync('.pnpm/acebase@1.29.13/node_modules/acebase', path.join(folder, 'node_modules', 'acebase'), 'junction');
  } catch (error) {
    t.skip(`no link can be made here (${error.code})`);
    return;
  }
  assert.equal(findCopies([folder]).filter((copy) => copy.startsWith(path.dirname(folder))).length, 1);
});

/** As ES modules name a file: a path of Windows would be a URL of the scheme `c`. */
const urlOf = (file) => JSON.stringify(pathToFileURL(file).href);

const ASK = (expression) => `console.log(/maxRetries/.test(String(${expression}.prototype.connect)))`;

test('both builds of a copy are replaced: CommonJS and ESM', async (t) => {
  const folder = makeProgram(t, 'node_modules/acebase');
  const remote = path.join(folder, 'node_modules', 'acebase', 'dist');
  const commonjs = `require(${JSON.stringify(CLIENT)});
    ${ASK(`require(${JSON.stringify(path.join(remote, 'cjs/ipc/remote.js'))}).RemoteIPCPeer`)}`;
  assert.equal((await run(t, folder, 'program.cjs', commonjs)).stdout, 'false\n');
  const esm = `import ${urlOf(CLIENT.replace('.js', '.mjs'))};
    import { RemoteIPCPeer } from ${urlOf(path.join(remote, 'esm/ipc/remote.js'))};
    ${ASK('RemoteIPCPeer')}`;
  assert.equal((await run(t, folder, 'program.mjs', esm)).stdout, 'false\n');
  const preloaded = `import { RemoteIPCPeer } from ${urlOf(path.join(remote, 'esm/ipc/remote.js'))};
    ${ASK('RemoteIPCPeer')}`;
  assert.equal((await run(t, folder, 'preloaded.mjs', preloaded, ['-r', CLIENT])).stdout, 'false\n');
  assert.equal((await run(t, folder, 'without.mjs', preloaded)).stdout, 'true\n');
});

test('nothing but three methods is replaced, and one put before that of the base class', async (t) => {
  const folder = makeProgram(t, 'node_modules/acebase');
  const remote = JSON.stringify(path.join(folder, 'node_modules/acebase/dist/cjs/ipc/remote.js'));
  const script = `
    const { RemoteIPCPeer } = require(${remote});
    const levels = [RemoteIPCPeer.prototype, Object.getPrototypeOf(RemoteIPCPeer.prototype)];
    const members = () => levels.map((level) => Object.getOwnPropertyDescriptors(level));
    const before = members();
    const globals = Object.keys(globalThis).length;
    require(${JSON.stringify(CLIENT)});
    const changed = members().flatMap((level, n) => Object.keys(level).filter((key) =>
      (level[key].value ?? level[key].get) !== (before[n][key]?.value ?? before[n][key]?.get)));
    console.log(changed.sort().join(), Object.keys(globalThis).length - globals, process.eventNames().length);`;
  const { stdout, stderr } = await run(t, folder, 'program.js', script);
  assert.match(stdout, /^connect,fetch,lock,sendMessage 0 /, stderr);
});

test('a class of another shape is left alone, with one warning', async (t) => {
  const folder = makeProgram(t, 'node_modules/acebase');
  for (const build of ['cjs', 'esm']) {
    const file = path.join(folder, 'node_modules', 'acebase', 'dist', build, 'ipc', 'remote.js');
    writeFileSync(file, readFileSync(file, 'utf8').replace('sendMessage(message)', 'sendMessage(message, way)'));
  }
  const remote = JSON.stringify(path.join(folder, 'node_modules/acebase/dist/cjs/ipc/remote.js'));
  const script = `require(${JSON.stringify(CLIENT)}); ${ASK(`require(${remote}).RemoteIPCPeer`)}`;
  const { stdout, stderr, code } = await run(t, folder, 'program.js', script);
  assert.equal(stdout, 'true\n');
  assert.equal(code, 0);
  const warnings = stderr.match(/AceBaseIPCClient: .*/g);
  assert.equal(warnings.length, 1, stderr);
  assert.match(warnings[0], /method sendMessage\(\) is another one/);
});
