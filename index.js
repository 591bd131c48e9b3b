'use strict';

// The public face of the package.

module.exports = {
  AceBaseIPCServer: require('./lib/server/server.js').AceBaseIPCServer,
};
