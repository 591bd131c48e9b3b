'use strict';

// The platforms that binaries are published for are named in several places: all of them must mean the same ones.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { PACKAGED } = require('../lib/native.js');
const { Runner, TARGETS } = require('../proof/platforms/targets.js');
const { ROOT } = require('./support/process.js');

const TRIPLES = TARGETS.map(({ target }) => target).sort();
const NAMES = TARGETS.map(({ name }) => name);

const read = (...names) => readFileSync(path.join(ROOT, ...names), 'utf8');

/** What a pattern's group finds in a text, all of it. */
const allIn = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);

test('what is published is what npm run prove:platforms tries', () => {
  assert.deepEqual(JSON.parse(read('package.json')).napi.targets.toSorted(), TRIPLES);
  assert.deepEqual(PACKAGED.toSorted(), NAMES.toSorted());
});

test('the release workflow builds each platform, with its own target', () => {
  const workflow = read('.github', 'workflows', 'release.yml');
  const [, matrix] = workflow.match(/^ {2}build:\n(.*?)^ {4}steps:/ms);
  assert.deepEqual(allIn(matrix, /- target: (\S+)/g).sort(), TRIPLES);
  assert.deepEqual(allIn(matrix, /build: npm run build -- --target (\S+)/g).sort(), TRIPLES);
});

test('the release workflow starts a server on each platform before anything is published', () => {
  const workflow = read('.github', 'workflows', 'release.yml');
  const jobs = ['test', 'test-musl'].map(
    (job) => workflow.match(new RegExp(`^  ${job}:\n(.*?)\n\n(?=  \\w)`, 'ms'))[1],
  );
  for (const job of jobs) {
    assert.match(job, /node scripts\/smoke\.js$/m);
  }
  assert.deepEqual(jobs.flatMap((job) => allIn(job, /- target: (\S+)\n +host: /g)).sort(), TRIPLES);
  assert.match(workflow, /^ {2}publish:\n.*?^ {4}needs: \[test, test-musl\]$/ms);
});

test('the supply chain is checked for each platform', () => {
  const [, graph] = read('deny.toml').match(/^targets = \[\n(.*?)^\]/ms);
  assert.deepEqual(allIn(graph, /"(\S+)"/g).sort(), TRIPLES);
});

test("README's table has a row for each platform, and says where nothing was run", () => {
  const rows = new Map(
    allIn(read('README.md'), /^\| (`\S+-\S+` \| .*) \|$/gm).map((row) => {
      const [name, ...cells] = row.split(' | ');
      return [name.slice(1, -1), cells];
    }),
  );
  assert.deepEqual(
    [...rows.keys()].filter((name) => NAMES.includes(name)),
    NAMES,
  );
  for (const { name, runner } of TARGETS) {
    const [builds, checks] = rows.get(name);
    assert.match(builds, /^(yes|not tried)/, name);
    assert.match(checks, runner === Runner.NONE ? /^not run/ : /^(yes|not tried)/, name);
  }
});
