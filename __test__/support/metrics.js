'use strict';

// Which metrics the server has: for what asks for them, a dashboard or an alert.

const assert = require('node:assert/strict');

const { request } = require('./http.js');
const { join } = require('./peer.js');
const { startServer } = require('./server.js');

/** Metrics that appear with the first event of their kind. */
const LATER = ['coordination_events', 'disconnects', 'refusals', 'warnings'].map((name) => `acebase_ipc_${name}_total`);

/** The metrics that an expression of Prometheus asks for. */
function metricsOf(expression) {
  return expression.match(/\b(?:acebase_ipc|process)_\w+/g) ?? [];
}

/** Every metric is one that a server with a client has. */
async function assertMetrics(t, names) {
  const server = await startServer(t);
  await join(server, '[master]');
  const { body: metrics } = await request(server, 'GET /metrics');
  const unknown = names.filter((name) => !LATER.includes(name) && !metrics.includes(`\n${name}`));
  assert.deepEqual(unknown, []);
  for (const name of LATER) {
    assert.ok(metrics.includes(name.replace(/_total$/, '')), name);
  }
}

module.exports = { assertMetrics, metricsOf };
