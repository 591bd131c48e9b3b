'use strict';

// The alert rules for Prometheus: they ask for metrics that the server has, and fire when they should.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { assertMetrics, metricsOf } = require('./support/metrics.js');
const { ROOT } = require('./support/process.js');

const RULES = path.join(ROOT, 'examples', 'prometheus', 'alerts.yml');
const CASES = path.join(__dirname, 'alerts', 'alerts.test.yml');

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const skip = !hasPromtool && 'promtool is not installed';

/** The rules: what stands between two names. */
function rules() {
  return readFileSync(RULES, 'utf8')
    .split('- alert: ')
    .slice(1)
    .map((text) => ({ name: text.slice(0, text.indexOf('\n')), text }));
}

function promtool(...args) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
}

test('every metric of the alerts is one of the server', async (t) => {
  const asked = rules().flatMap(({ text }) => metricsOf(text));
  assert.ok(asked.length > 10);
  await assertMetrics(t, asked);
});

test('every alert says how bad it is, and what to do, and is tried', () => {
  const cases = readFileSync(CASES, 'utf8');
  for (const { name, text } of rules()) {
    assert.match(text, /^ +labels: \{ severity: (critical|warning) \}$/m, name);
    assert.match(text, /^ +summary: /m, name);
    assert.match(text, /^ +description: /m, name);
    assert.ok(cases.includes(`alertname="${name}",alertstate="firing"`), name);
  }
});

test('Prometheus can read the rules', { skip }, () => {
  promtool('check', 'rules', RULES);
});

test('the alerts fire in trouble, and not without', { skip }, () => {
  promtool('test', 'rules', CASES);
});
