'use strict';

// The Grafana dashboard asks for metrics that the server has.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const dashboard = require('../examples/grafana/acebase-ipc-server.json');
const { assertMetrics, metricsOf } = require('./support/metrics.js');

test('every panel of the dashboard says what it means', () => {
  assert.ok(dashboard.panels.every(({ description }) => description?.length > 20));
});

test('every metric of the dashboard is one of the server', async (t) => {
  const asked = dashboard.panels.flatMap((panel) => panel.targets.flatMap((target) => metricsOf(target.expr)));
  assert.ok(asked.length > 10);
  await assertMetrics(t, asked);
});
