'use strict';

// The public face of the package.

module.exports = {
  AceBaseIPCServer: require('./lib/server.js').AceBaseIPCServer,
};
