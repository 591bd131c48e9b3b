'use strict';

// The child's side of the calls that a test makes to its processes: over the channel that `fork` opens, one answer a
// call.

/**
 * Answers calls by name.
 * @param {Record<string, (...args: any[]) => unknown>} methods
 */
function serve(methods) {
  process.on('message', async ({ call, method, args }) => {
    try {
      const result = await methods[method](...args);
      process.send({ call, result });
    } catch (error) {
      process.send({ call, error: error.stack ?? String(error) });
    }
  });
  // The test run is gone: nobody is left to tell this process to end.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}

module.exports = { serve };
