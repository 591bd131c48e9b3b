'use strict';

// The schema of the configuration file, by which editors know the options: it takes what the options take. That it has
// all of them, with their sentences, is a test of scripts/document-options.js.

const assert = require('node:assert/strict');
const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const Ajv = require('ajv');

const { readCommandLine } = require('../lib/command-line/command-line.js');
const { OPTIONS, SSL_OPTIONS } = require('../lib/config/options.js');
const schema = require('../config.schema.json');
const { makeFolder } = require('./support/folder.js');
const { ROOT } = require('./support/process.js');

/** Strict: an unknown word in the schema is a mistake, too. */
const ajv = new Ajv({ strict: true });
const isGood = ajv.compile(schema);

/** Values of all kinds, good for some options and bad for others. */
const VALUES = [
  ...[0, 1, 2, -1, 1.5, 1024, 8192, 65_535, 65_536, 2 ** 20, 2 ** 40, 2 ** 40 + 1, 7 * 24 * 3_600_000 + 1],
  ...['', 'x', 'push', 'PUSH', 'info', 'json', 'allow', true, false, null],
  ...[[], ['x'], ['10.0.0.0/8'], [''], [1], {}, { x: [] }, { x: ['y'] }, { x: 'y' }, { x: [''] }],
];

/** JSON Schema does not know what a network is. */
const LOOSER = ['trustedProxies'];

test('the schema takes of each option what the command takes', () => {
  const options = [
    ...OPTIONS.filter(({ isCodeOnly }) => !isCodeOnly).map((option) => [option, schema.properties[option.name]]),
    ...SSL_OPTIONS.map((option) => [option, schema.properties.ssl.properties[option.name]]),
  ];
  for (const [{ name, kind }, its] of options) {
    const takes = ajv.compile(its);
    for (const value of VALUES) {
      const isAccepted = kind.accepts(value);
      if (isAccepted || !LOOSER.includes(name)) {
        assert.equal(takes(value), isAccepted, `${name}: ${JSON.stringify(value)}`);
      }
    }
    assert.ok(VALUES.some(takes), name);
  }
});

test("README's file is a good one for the schema, and for the command", (t) => {
  const [, text] = readFileSync(path.join(ROOT, 'README.md'), 'utf8').match(/```json\n(.*?)```/s);
  assert.ok(isGood(JSON.parse(text)), JSON.stringify(isGood.errors));
  const file = path.join(makeFolder(t, 'schema'), 'file.json');
  writeFileSync(file, text);
  // The key by which editors find the schema is no unknown option.
  assert.deepEqual(readCommandLine(['--config', file], {}).notes, []);
});

test('a slip of the pen is a mistake to an editor', () => {
  assert.equal(isGood({ prot: 1 }), false);
  assert.equal(isGood({ ssl: { certpath: 'c' } }), false);
  assert.equal(isGood({ logger: {} }), false);
});

test('the package has the schema where the README says', () => {
  const { files } = require('../package.json');
  assert.ok(files.includes('config.schema.json'));
});
