'use strict';

// Plain clients of the wire protocol in a process of their own, perhaps in another network: they send numbers, and tell
// which ones came.

const { once } = require('node:events');

const { WebSocket } = require('ws');

const { serve } = require('../../__test__/cluster/support/rpc.js');

/** Ten megabytes; each message as long as one frame may be. */
const FLOOD_MESSAGES = 640;
const FLOOD_LENGTH = 16_000;

const clients = new Map();

serve({
  async join(url, id) {
    const socket = new WebSocket(`${url}/connect?v=1.0.0&id=${id}&t=undefined`);
    const client = { socket, heard: [], isOpen: true };
    clients.set(id, client);
    socket.on('message', (data) => client.heard.push(data.toString()));
    socket.on('error', () => {});
    socket.on('close', () => {
      client.isOpen = false;
    });
    await once(socket, 'open');
  },
  /** Sends the numbers from `first` up, as many as `count`, to the client `to`. */
  send(id, to, first, count) {
    for (let number = first; number < first + count; number++) {
      clients.get(id).socket.send(`to:${to};number ${number}`);
    }
  },
  /** Sends more than both kernels buffer, so that the rest waits in the hub. */
  flood(id, to) {
    for (let n = 0; n < FLOOD_MESSAGES; n++) {
      clients.get(id).socket.send(`to:${to};${'x'.repeat(FLOOD_LENGTH)}`);
    }
  },
  /** All numbers that came, in their order. */
  numbers: (id) =>
    clients
      .get(id)
      .heard.map((text) => /^number (\d+)$/.exec(text))
      .filter(Boolean)
      .map((match) => Number(match[1])),
  /** Who came and went, as the hub told it. */
  tidings: (id) => clients.get(id).heard.filter((text) => /^(dis)?connect:/.test(text)),
  isOpen: (id) => clients.get(id).isOpen,
  /** Reads nothing any more, as a process that stands still; or goes on. */
  pause: (id) => clients.get(id).socket.pause(),
  resume: (id) => clients.get(id).socket.resume(),
});
