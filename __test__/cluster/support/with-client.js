'use strict';

// Preloaded by database processes that have the client, whatever copy of AceBase the test gives them.

const { replaceIn } = require('../../../lib/client/index.js');

if (process.env.ACEBASE_PACKAGE) {
  replaceIn(process.env.ACEBASE_PACKAGE);
}
