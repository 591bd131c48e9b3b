'use strict';

// The Grafana dashboard asks for metrics that the server has.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const dashboard = require('../examples/grafana/acebase-ipc-server.json');
const { request } = require('./support/http.js');
const { join } = require('./support/peer.js');
const { startServer } = require('./support/server.js');

/** Metrics that appear with the first event of their kind. */
const LATER = ['acebase_ipc_disconnects_total', 'acebase_ipc_refusals_total'];

test('every metric of the dashboard is one of the server', async (t) => {
  const server = await startServer(t);
  await join(server, '[master]');
  const { body: metrics } = await request(server, 'GET /metrics');
  const asked = dashboard.panels.flatMap((panel) =>
    panel.targets.flatMap((target) => target.expr.match(/(?:acebase_ipc|process)_\w+/g)),
  );
  assert.ok(asked.length > 10);
  const unknown = asked.filter((name) => !LATER.includes(name) && !metrics.includes(`\n${name}`));
  assert.deepEqual(unknown, []);
  for (const name of LATER) {
    assert.ok(metrics.includes(name.replace(/_total$/, '')), name);
  }
});
