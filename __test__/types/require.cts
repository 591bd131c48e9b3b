// What index.d.ts must allow, and what it must not, for CommonJS. Compiled only.

import ipc = require('acebase-ipc-server');

const server: ipc.AceBaseIPCServer = new ipc.AceBaseIPCServer({ port: 9163 });
const started: Promise<void> = server.start();
void started;

import client = require('acebase-ipc-server/client');

const ready: Promise<void> = client.ready;
void ready;
