// What index.d.ts must allow, and what it must not. Compiled only.

import type { AceBaseIPCClient, AceBaseIPCLock, AceBaseIPCServerConfig } from 'acebase-ipc-server';
import ipc, { AceBaseIPCServer } from 'acebase-ipc-server';
import type { ClientSettings, ConnectionEvent } from 'acebase-ipc-server/client';
import * as ipcClient from 'acebase-ipc-server/client';

type IsExactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_T extends true>(): void {}

// The configuration.
new AceBaseIPCServer();
new ipc.AceBaseIPCServer({ port: 0 });
new AceBaseIPCServer({ host: 'localhost', port: 0, token: 'secret', maxPayload: 16384 });
new AceBaseIPCServer({ ssl: { certPath: 'a.pem', keyPath: 'b.pem', passphrase: 'p' } });
new AceBaseIPCServer({ ssl: { pfxPath: 'a.pfx' } });
new AceBaseIPCServer({ largeMessages: 'download', allowedOrigins: ['https://a.example'], releaseLocksAfter: 0 });
new AceBaseIPCServer({
  tokens: ['old', 'new'],
  databaseTokens: { mydb_data: ['its-own'] },
  unlistedDatabases: 'allow',
  dashboard: false,
});
new AceBaseIPCServer({ logLevel: 'debug', logFormat: 'json', logger: console });
new AceBaseIPCServer({ ssl: { pfxPath: 'a.pfx', caPath: 'ca.pem', requestCert: true } });
// @ts-expect-error A logger has all four methods.
new AceBaseIPCServer({ logger: { info() {} } });
const config: AceBaseIPCServerConfig = { keepPort: true, threads: 2 };
new AceBaseIPCServer(config);
// @ts-expect-error A port is a number.
new AceBaseIPCServer({ port: '9163' });
// @ts-expect-error There is no such way.
new AceBaseIPCServer({ largeMessages: 'pull' });
// @ts-expect-error A key is missing.
new AceBaseIPCServer({ ssl: { certPath: 'a.pem' } });
// @ts-expect-error Two sources of a certificate.
new AceBaseIPCServer({ ssl: { certPath: 'a.pem', keyPath: 'b.pem', pfxPath: 'c.pfx' } });
// @ts-expect-error A slip of the pen.
new AceBaseIPCServer({ maxPaylod: 1 });

// The server.
const server = new AceBaseIPCServer({ port: 0 });
await server.start();
await server.stop();
const port: number = server.port;
// @ts-expect-error It is for reading.
server.port = port;
const clients: AceBaseIPCClient[] = server.getClients('mydb_data');
for (const client of clients) {
  const since: number = client.connected.getTime();
  await client.sendMessage({ since });
  await client.sendMessage('text');
  client.close();
}
const locks: AceBaseIPCLock[] = server.locks('mydb_data');
holds<IsExactly<(typeof locks)[0]['state'], 'waiting' | 'held' | 'fenced'>>();
const status = server.status();
const isThere: boolean | undefined = status?.databases[0]?.masterPresent;
void isThere;
server.trace('mydb_data', { client: '[master]', on: true });
await server.reloadCertificates();
const address = server.address();
const family: 'IPv4' | 'IPv6' | undefined = address?.all[0]?.family;
void family;

// Its events.
server.on('listening', () => {});
server.once('connect', (client) => holds<IsExactly<typeof client, AceBaseIPCClient>>());
server.on('disconnect', (peer, reason) => `${peer.id} of ${peer.dbname}: ${reason.toUpperCase()}`);
server.on('disconnect', (_, reason) => reason === 'slow');
// @ts-expect-error There is no such reason.
server.on('disconnect', (_, reason) => reason === 'slwo');
server.on('message', (text, peer) => text.length + peer.id.length);
server.on('warning', (warning) => warning.code.length + warning.message.length);
server.on('error', (error) => error.message);
server.on('coordination', (what) => what.kind === 'lock-released' && what.detail);
server.on('trace', (message) => holds<IsExactly<typeof message.fate, 'forwarded' | 'taken' | 'posted'>>());
server.on('refused', (refusal) => refusal.status.toFixed() + refusal.remote + refusal.leftOut.toFixed());
server.on('notice', (notice) => notice.code + notice.message);
server.off('close', () => {});
// @ts-expect-error There is no such event.
server.on('conect', () => {});
// @ts-expect-error A message is text.
server.on('message', (text: number) => text);

// The client.
const replaced: readonly string[] = ipcClient.replaced;
void replaced;
const settings: ClientSettings = { hosts: ['one', { host: 'two', port: 9164 }], requestTimeout: 1000, keepLocksFor: 0 };
void settings;
const tell = ({ state, reason = '' }: ConnectionEvent) => `${state} ${reason}`;
void tell;
// @ts-expect-error There is no such state.
const state: ConnectionEvent['state'] = 'gone';
void state;
