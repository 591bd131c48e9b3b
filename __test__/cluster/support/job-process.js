'use strict';

// A script that opens a database, writes, closes it, and has nothing else to do.

const { AceBase } = require('acebase');

const { longText } = require('./text.js');

const { name, storage, key, bytes } = JSON.parse(process.argv[2]);

// The channel to the test must not keep it alive.
process.channel?.unref();

main();

async function main() {
  const db = new AceBase(name, { logLevel: 'error', storage });
  await db.ready();
  await db.ref(key).set({ text: longText(bytes) });
  await db.close();
}
