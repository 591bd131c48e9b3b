'use strict';

// No circle of files: each can be read without what imports it. And that the search finds the circles that there are.

const assert = require('node:assert/strict');
const { mkdirSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { findCircles } = require('../scripts/circles.js');
const { makeFolder } = require('./support/folder.js');

test('no file of src/ or lib/ imports itself by way of others', () => {
  assert.deepEqual(findCircles(), []);
});

test('circles are found, in Rust also through what a module hands on, and in JavaScript', (t) => {
  const root = makeFolder(t, 'circles');
  const files = {
    'src/lib.rs': 'pub mod a;\npub mod ground;\n',
    'src/a/mod.rs': 'mod b;\nmod c;\npub use b::Thing;\n',
    'src/a/b.rs': 'use super::c::{self, Other};\nuse crate::ground;\n',
    'src/a/c.rs': '// use super::nothing;\nuse crate::a::{\n    Thing,\n};\n',
    'src/ground.rs': 'pub struct Ground;\n',
    'lib/x.js': "require('./y.js');\n",
    'lib/y.js': "require('./x.js');\n",
  };
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  assert.deepEqual(findCircles(root), [
    ['src/a/b.rs', 'src/a/c.rs'],
    ['lib/x.js', 'lib/y.js'],
  ]);
});
