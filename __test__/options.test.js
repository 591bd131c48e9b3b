'use strict';

// The table of options, and all that must say the same: the addon, the type declarations, the README. That the server
// takes these options and has these defaults is a test of its own, in src/server/config.rs.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { helpText, VARIABLES } = require('../lib/command-line/command-line.js');
const { loadNative } = require('../lib/native.js');
const { CLUSTER_OPTIONS, OPTIONS, SSL_OPTIONS } = require('../lib/config/options.js');
const { documents } = require('../scripts/document-options.js');
const { ROOT } = require('./support/process.js');

const DECLARATIONS = readFileSync(path.join(ROOT, 'index.d.ts'), 'utf8');

test('the addon names an option that it cannot read, and does not show it', () => {
  const { NativeServer } = loadNative();
  const start = (options) => NativeServer.start(JSON.stringify(options), [], () => {});
  for (const [options, expected] of [
    [{ port: 0, maxQueue: -1 }, 'option "maxQueue" is not known, or out of its bounds'],
    [{ port: 0, token: ['hunter2'] }, 'option "token" is not known, or out of its bounds'],
    [{ port: 0, noSuchOption: 1 }, 'option "noSuchOption" is not known, or out of its bounds'],
    [[], 'the options are not a JSON object'],
  ]) {
    assert.throws(() => start(options), { message: expected, code: 'InvalidArg' });
  }
});

test('every default is a value that its option accepts', () => {
  for (const { name, kind, default: value } of OPTIONS.filter((option) => option.default !== undefined)) {
    assert.ok(kind.accepts(value), name);
  }
});

test('README.md, index.d.ts, the schema and the defaults of the server say of every option what the table says', () => {
  for (const { file, present, text } of documents()) {
    assert.equal(present, text, `${file} is not up to date: npm run document-options`);
  }
});

test('index.d.ts says of every option of ssl what the table says', () => {
  for (const { name, kind, default: value, help } of SSL_OPTIONS) {
    const comment = value === undefined ? help : `${help} Default: \`${value}\`.`;
    const lines = DECLARATIONS.split('\n');
    const places = lines.flatMap((line, at) => (line.match(`^  ${name}\\??: ${kind.type};$`) ? [at] : []));
    assert.ok(places.length > 0, name);
    for (const at of places) {
      assert.equal(lines[at - 1], `  /** ${comment} */`);
    }
  }
});

test('index.d.ts says of every option of cluster what the table says', () => {
  const [, declared] = DECLARATIONS.match(/interface AceBaseIPCServerClusterConfig \{\n(.*?)\n\}/s);
  const said = declared.replace(/\n {3}\*\/|\/\*\*| \*\/|^ {3}\* ?/gm, '').replace(/\s+/g, ' ');
  for (const { name, kind, default: value, absent, help, isRequired } of CLUSTER_OPTIONS) {
    const given = absent ?? (value === undefined ? undefined : `\`${value}\``);
    const comment = given === undefined ? help : `${help} Default: ${given}.`;
    assert.ok(said.includes(`${comment} ${name}${isRequired ? '' : '?'}: ${kind.type};`), `${name}: ${said}`);
  }
});

test('the help has every option, with its sentence and its default', () => {
  const lines = helpText().split('\n');
  for (const { variable, help, kind, default: value, absent, commandLineDefault } of VARIABLES) {
    const at = lines.findIndex((line) => line.startsWith(`  ${variable} `));
    assert.equal(lines[at].slice(`  ${variable} `.length).trim(), help);
    const given = String(commandLineDefault ?? absent ?? value ?? 'none').replaceAll('`', '') || 'none';
    assert.equal(lines[at + 1].trim(), `${kind.written ?? kind.expected}; default: ${given}`);
  }
});
