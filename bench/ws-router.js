'use strict';

// The yardstick: the same wire protocol on npm `ws` and Node's own HTTP server, written as a careful user of `ws`
// would. It routes and nothing else: no sessions, no queues, no coordination.

const { once } = require('node:events');
const http = require('node:http');
const https = require('node:https');

const { WebSocketServer } = require('ws');

const { runCommand } = require('./support/command.js');
const { reportReady, serverArguments } = require('./support/server-process.js');

/** Longest text that clients are told to put in one frame. */
const MAX_PAYLOAD = 16384;
/** Largest body of a POSTed message, in bytes. */
const MAX_MESSAGE_SIZE = 100 * 1024 * 1024;
const SEMICOLON = 0x3b;
const TEXT = { binary: false };

/** @type {Map<string, Map<string, import('ws').WebSocket>>} the peers of each database, by id */
const databases = new Map();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });

function join(database, id, socket) {
  const peers = databases.get(database) ?? new Map();
  databases.set(database, peers);
  const former = peers.get(id);
  if (former) {
    leave(peers, database, id, former);
    former.close();
  }
  socket.send(`welcome:${JSON.stringify({ maxPayload: MAX_PAYLOAD })}`);
  broadcast(peers, id, `connect:${id}`);
  peers.set(id, socket);
  socket.on('message', (data, isBinary) => {
    if (!isBinary && peers.get(id) === socket) route(peers, id, socket, data);
  });
  socket.on('close', () => leave(peers, database, id, socket));
  socket.on('error', () => socket.terminate());
}

function leave(peers, database, id, socket) {
  if (peers.get(id) !== socket) return; // replaced already
  peers.delete(id);
  if (peers.size === 0) databases.delete(database);
  else broadcast(peers, id, `disconnect:${id}`);
}

/** @param {Buffer} data one text, as its sender wrote it */
function route(peers, sender, socket, data) {
  if (data.length === 4 && data.latin1Slice() === 'ping') {
    socket?.send('pong');
  } else if (data.length > 3 && data.latin1Slice(0, 3) === 'to:') {
    const end = data.indexOf(SEMICOLON, 3);
    if (end === -1) return;
    const id = data.utf8Slice(3, end);
    const text = data.subarray(end + 1);
    if (id === 'all') broadcast(peers, sender, text);
    else peers.get(id)?.send(text, TEXT);
  } else {
    broadcast(peers, sender, data);
  }
}

function broadcast(peers, sender, data) {
  for (const [id, socket] of peers) {
    if (id !== sender) socket.send(data, TEXT);
  }
}

/** @returns {{ database: string, action: string, query: URLSearchParams }} */
function target(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const [, database = '', action = ''] = pathname.split('/');
  return { database: decodeURIComponent(database), action, query: searchParams };
}

function onUpgrade(request, socket, head) {
  const { database, action, query } = target(request);
  const id = query.get('id') ?? '';
  if (action !== 'connect') return refuse(socket, '404 Not Found');
  if (query.get('v')?.split('.')[0] !== '1') return refuse(socket, '409 Conflict');
  if (id.length < 5) return refuse(socket, '500 Internal Server Error');
  sockets.handleUpgrade(request, socket, head, (upgraded) => join(database, id, upgraded));
}

function refuse(socket, status) {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

async function onRequest(request, response) {
  const { database, action, query } = target(request);
  const peers = databases.get(database);
  if (request.method !== 'POST' || action !== 'send') return response.writeHead(404).end();
  if (!peers?.has(query.get('id'))) return response.writeHead(401).end();
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_MESSAGE_SIZE) return response.writeHead(413).end();
    chunks.push(chunk);
  }
  route(peers, query.get('id'), undefined, Buffer.concat(chunks));
  response.end('ok');
}

async function main() {
  const { port, ssl } = serverArguments();
  const server = ssl ? https.createServer(ssl) : http.createServer();
  server.on('upgrade', onUpgrade);
  server.on('request', (request, response) => {
    onRequest(request, response).catch(() => response.destroy());
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  reportReady(server.address().port);
}

runCommand(main);
