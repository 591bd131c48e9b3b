'use strict';

// The hub of the run, as a process manager runs it: told to end, it leaves its port open for the next one.

const { appendFileSync } = require('node:fs');

const { AceBaseIPCServer } = require('../../index.js');
const { serve } = require('../../__test__/cluster/support/rpc.js');

const { logFile, ...options } = JSON.parse(process.argv[2]);

const server = new AceBaseIPCServer({ ...options, keepPort: true, logger: fileLogger(logFile) });

process.once('SIGTERM', async () => {
  await server.stop({ keepPort: true });
  process.exit(0);
});

serve({
  async start() {
    await server.start();
    return server.port;
  },
  /** For good: the port is closed. */
  stop: () => server.stop(),
  status: () => server.status(),
});

/** Written at once: what the hub said last is wanted most when it was killed right after. */
function fileLogger(file) {
  const at = (level) => (message, details) =>
    appendFileSync(file, `${JSON.stringify({ time: Date.now(), pid: process.pid, level, message, ...details })}\n`);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
