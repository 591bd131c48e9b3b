'use strict';

// The table of options, and all that must say the same: the addon, the type declarations, the README.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { VARIABLES } = require('../lib/command-line.js');
const { loadNative } = require('../lib/native.js');
const { LOG_OPTIONS, OPTIONS, SSL, SSL_OPTIONS } = require('../lib/options.js');

const { ROOT } = require('./support/process.js');

const README = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
const DECLARATIONS = readFileSync(path.join(ROOT, 'index.d.ts'), 'utf8');

/** What the addon takes that is no option: it follows from NODE_ENV. */
const NO_OPTIONS = ['development'];

test('the addon takes every option but those of the log, and has the same defaults', () => {
  const defaults = JSON.parse(loadNative().defaultOptions());
  const its = OPTIONS.filter(({ name }) => !LOG_OPTIONS.includes(name));
  const names = [...its, SSL].map(({ name }) => name);
  assert.deepEqual(Object.keys(defaults).sort(), [...names, ...NO_OPTIONS].sort());
  for (const option of its) {
    assert.deepEqual(defaults[option.name], defaultOfAddon(option), option.name);
  }
  assert.deepEqual([defaults.ssl, defaults.development], [null, false]);
});

/** Where there is no plain default, there is none. */
function defaultOfAddon({ name, absent, default: value }) {
  // The addon is told how the port is kept, if it is.
  return absent || (name === 'keepPort' && value === false) ? null : value;
}

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
