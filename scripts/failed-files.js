'use strict';

// A reporter of node tests: writes the file of each test that failed, one a line, as often as tests in it did.

const path = require('node:path');

const ROOT = path.dirname(__dirname);

module.exports = async function* failedFiles(events) {
  for await (const { type, data } of events) {
    if (type === 'test:fail' && data.todo === undefined) {
      yield `${path.relative(ROOT, data.file ?? data.name)}\n`;
    }
  }
};
