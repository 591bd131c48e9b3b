// `import 'acebase-ipc-server/client'`: as index.js, and waits for builds that are loaded asynchronously.

import client from './index.js';

await client.ready;

export const { ready, replaced, replaceIn } = client;
