'use strict';

// What a fresh clone must hold.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { ROOT } = require('./support/process.js');

/** Written by the build. */
const BUILT = new Set(['native.js']);

/**
 * The project's own files that a script requires, relative to the root, without an ending where the script gives none.
 */
function ownRequires(script) {
  const source = readFileSync(path.join(ROOT, script), 'utf8');
  const names = [...source.matchAll(/^(?:const .*|\}) = require\('(\.[^']*)'\)/gm)].map(([, name]) => name);
  return names.map((name) => path.posix.join(path.posix.dirname(script), name));
}

test('every file that a script requires is in the repository', () => {
  const files = new Set(execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n'));
  const isThere = (file) =>
    [file, `${file}.js`, `${file}.json`, path.posix.join(file, 'index.js')].some(
      (name) => files.has(name) || BUILT.has(name),
    );
  const scripts = [...files].filter((file) => file.endsWith('.js'));
  const missing = scripts.flatMap((script) =>
    ownRequires(script)
      .filter((file) => !isThere(file))
      .map((file) => `${script} requires ${file}`),
  );
  assert.deepEqual(missing, []);
  assert.ok(scripts.flatMap(ownRequires).length > 100);
});

test('no comment is wider than 120 columns', () => {
  const files = execFileSync('git', ['ls-files', '*.js', '*.mjs', '*.ts', '*.mts', '*.rs'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const sources = files.trim().split('\n');
  // A table's row cannot be broken; and the examples of the original package are written as they were.
  const isWide = (line) => line.length > 120 && /^\s*(\/\/|\/?\*)/.test(line) && !line.includes(' | ');
  const wide = sources
    .filter((file) => !file.startsWith('examples/pm2-'))
    .flatMap((file) => {
      const lines = readFileSync(path.join(ROOT, file), 'utf8').split('\n');
      return lines.flatMap((line, index) => (isWide(line) ? [`${file}:${index + 1}`] : []));
    });
  assert.deepEqual(wide, []);
  assert.ok(sources.length > 300);
});
