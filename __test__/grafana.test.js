'use strict';

// The Grafana dashboard asks for metrics that the server has.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const WebSocket = require('ws');

const { AceBaseIPCServer } = require('..');
const dashboard = require('../examples/grafana/acebase-ipc-server.json');

/** Metrics that appear with the first event of their kind. */
const LATER = ['acebase_ipc_disconnects_total', 'acebase_ipc_refusals_total'];

test('every metric of the dashboard is one of the server', async (t) => {
  const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0 });
  await server.start();
  t.after(() => server.stop());
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/db/connect?v=1.0.0&id=[master]&t=undefined`);
  t.after(() => client.terminate());
  await new Promise((resolve) => client.once('message', resolve));
  const response = await fetch(`http://127.0.0.1:${server.port}/metrics`);
  const metrics = await response.text();
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
