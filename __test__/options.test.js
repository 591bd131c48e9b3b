'use strict';

// The table of options, and all that must say the same: the addon, the type declarations, the README.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { VARIABLES } = require('../lib/command-line.js');
const { loadNative } = require('../lib/native.js');
const { OPTIONS, SSL, SSL_OPTIONS } = require('../lib/options.js');

const { ROOT } = require('./support/process.js');

const README = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
const DECLARATIONS = readFileSync(path.join(ROOT, 'index.d.ts'), 'utf8');

/** Defaults that the addon does not have: the port of the original, what stands for "none", and what JavaScript does itself. */
const DEFAULT_ELSEWHERE = [
  'host',
  'port',
  'token',
  'tokens',
  'databaseTokens',
  'unlistedDatabases',
  'keepPort',
  'logLevel',
  'logFormat',
  'logger',
];

test('the defaults are those of the addon', () => {
  const defaults = loadNative().defaultOptions();
  for (const option of OPTIONS.filter(({ name }) => !DEFAULT_ELSEWHERE.includes(name))) {
    assert.deepEqual(defaults[option.name], option.default, option.name);
  }
});

test('every default is a value that its option accepts', () => {
  for (const { name, kind, default: value } of OPTIONS.filter((option) => option.default !== undefined)) {
    assert.ok(kind.accepts(value), name);
  }
});

test('index.d.ts declares every option with its type', () => {
  for (const { name, kind } of OPTIONS) {
    assert.ok(DECLARATIONS.includes(`\n  ${name}?: ${kind.type};\n`), `${name}?: ${kind.type};`);
  }
  for (const { name, kind } of SSL_OPTIONS) {
    assert.match(DECLARATIONS, new RegExp(`\\n  ${name}\\??: ${kind.type};\\n`));
  }
});

test("the README's table has every option", () => {
  for (const option of [...OPTIONS, SSL]) {
    const row = `| ${[`\`${option.name}\``, variableOf(option), defaultOf(option), option.help].join(' | ')} |`;
    assert.ok(README.includes(`\n${row}\n`), `missing in README.md:\n${row}`);
  }
});

function variableOf({ name, isCodeOnly }) {
  if (isCodeOnly) {
    return 'none';
  }
  return `\`${VARIABLES.find((variable) => variable.name === name).variable}\``;
}

function defaultOf({ absent, default: value }) {
  if (absent) {
    return absent;
  }
  return Array.isArray(value) ? 'none' : `\`${value}\``;
}
