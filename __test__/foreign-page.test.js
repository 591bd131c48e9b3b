'use strict';

// What a page of another site can do to a server, in a real browser: nothing, in whichever way it makes the browser
// ask, even where it knows the token, or has given its own host name the server's address.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { after, before, describe, test } = require('node:test');

const { watchAnswers } = require('./support/answers.js');
const { launchBrowser, noBrowser } = require('./support/browser.js');
const { join } = require('./support/peer.js');
const { startServer } = require('./support/server.js');

/** A host name that a stranger has given the address of the browser's own machine. */
const REBOUND = 'rebound.example';
const DB = 'mydb_data';
const FORGED = 'forged';

/** The server's routes, as a page asks them in the name of the master. */
const ROUTES = {
  send: `/${DB}/send?id=%5Bmaster%5D&t=secret&msg=${FORGED}`,
  receive: `/${DB}/receive?id=%5Bmaster%5D&t=secret&msg=m1`,
  clients: `/${DB}/clients?t=secret`,
  connect: `/${DB}/connect?v=1.0.0&id=%5Bmaster%5D&t=secret`,
  status: '/status.json?t=secret',
  metrics: '/metrics?t=secret',
  page: '/',
};

/** How a page makes a browser send a GET; each runs in the page. */
const WAYS_OF_GET = {
  image: (url) => {
    new Image().src = url;
  },
  script: (url) => {
    document.head.append(Object.assign(document.createElement('script'), { src: url }));
  },
  style: (url) => {
    document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: url }));
  },
  frame: (url) => {
    document.body.append(Object.assign(document.createElement('iframe'), { src: url }));
  },
  link: (url) => {
    location.assign(url);
  },
  form: (url) => {
    const form = Object.assign(document.createElement('form'), { action: url });
    for (const [name, value] of new URL(url).searchParams) {
      form.append(Object.assign(document.createElement('input'), { name, value }));
    }
    document.body.append(form);
    form.submit();
  },
  'fetch without CORS': (url) => {
    fetch(url, { mode: 'no-cors', referrerPolicy: 'no-referrer' }).catch(() => {});
  },
  fetch: (url) => {
    fetch(url).catch(() => {});
  },
};

/** The same for a POST, whose body is the message. */
const WAYS_OF_POST = {
  form: (url, text) => {
    const form = Object.assign(document.createElement('form'), { action: url, method: 'post', enctype: 'text/plain' });
    form.append(Object.assign(document.createElement('input'), { name: text, value: '' }));
    document.body.append(form);
    form.submit();
  },
  'fetch without CORS': (url, text) => {
    fetch(url, { method: 'post', body: text, mode: 'no-cors', referrerPolicy: 'no-referrer' }).catch(() => {});
  },
  fetch: (url, text) => {
    fetch(url, { method: 'post', body: text }).catch(() => {});
  },
  beacon: (url, text) => {
    navigator.sendBeacon(url, text);
  },
};

/** Runs in a page: whether a WebSocket opens. */
const opensSocket = (url) =>
  new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
  });

describe('a page of a stranger', { skip: noBrowser }, () => {
  let browser;
  let stranger;
  before(async () => {
    browser = await launchBrowser(`--host-resolver-rules=MAP ${REBOUND} 127.0.0.1`, '--no-proxy-server');
    stranger = http.createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>stranger</title><body>');
    });
    await once(stranger.listen(0, '127.0.0.1'), 'listening');
  });
  after(async () => {
    await browser.close();
    stranger.closeAllConnections();
    stranger.close();
  });

  /** A server with a master and somebody who hears all that is sent in its name. */
  async function startTargets(t, config) {
    const environment = process.env.NODE_ENV;
    process.env.NODE_ENV = 'development';
    t.after(() => {
      process.env.NODE_ENV = environment ?? '';
    });
    const server = await startServer(t, config);
    const listener = await join(server, 'listener', { token: 'secret' });
    await join(server, '[master]', { token: 'secret' });
    await listener.next();
    return { server, listener };
  }

  async function openContext(t) {
    const context = await browser.newContext();
    t.after(() => context.close());
    return context;
  }

  /** Lets a page at this address act, and gives the server's answer to what it has asked. */
  async function answerTo(context, watch, from, act, url, ...args) {
    const page = await context.newPage();
    await page.goto(from);
    const answer = watch.answerTo(new URL(url).pathname);
    await page.evaluate(`(${act})(...${JSON.stringify([url, ...args])})`);
    const status = await answer;
    await page.close();
    return status;
  }

  async function socketOpens(context, from, url) {
    const page = await context.newPage();
    await page.goto(from);
    const opens = await page.evaluate(opensSocket, url);
    await page.close();
    return opens;
  }

  test('of another site is refused, in every way that a browser asks, and on every route', async (t) => {
    const { server, listener } = await startTargets(t, { token: 'secret' });
    const watch = await watchAnswers(t, server);
    const context = await openContext(t);
    const from = `http://127.0.0.1:${stranger.address().port}/`;
    const to = `http://localhost:${watch.port}`;
    for (const [way, act] of Object.entries(WAYS_OF_GET)) {
      assert.equal(await answerTo(context, watch, from, act, to + ROUTES.send), 403, way);
    }
    for (const [route, path] of Object.entries(ROUTES)) {
      assert.equal(await answerTo(context, watch, from, WAYS_OF_GET.image, to + path), 403, route);
    }
    for (const [way, act] of Object.entries(WAYS_OF_POST)) {
      assert.equal(await answerTo(context, watch, from, act, to + ROUTES.send, FORGED), 403, way);
    }
    assert.equal(await socketOpens(context, from, `ws://localhost:${server.port}${ROUTES.connect}`), false);
    assert.deepEqual(await listener.rest(), []);
  });

  test('under a host name that has got the address of the server sees nothing, and sends nothing', async (t) => {
    const { server, listener } = await startTargets(t);
    const watch = await watchAnswers(t, server);
    const context = await openContext(t);
    // The server's own "not found" is as good as the page that came before the name got its new address.
    const [from, fromSocket] = [watch, server].map(({ port }) => `http://${REBOUND}:${port}/stranger`);
    const answers = {};
    for (const [route, path] of Object.entries(ROUTES)) {
      answers[route] = await answerTo(context, watch, from, WAYS_OF_GET.fetch, new URL(path, from).href);
    }
    const { send, connect, ...others } = answers;
    assert.deepEqual(others, { receive: 403, clients: 403, status: 403, metrics: 403, page: 403 });
    // Without a token there is no sending with GET; and what is no upgrade opens nothing.
    assert.deepEqual([send, connect], [405, 426]);
    const url = new URL(ROUTES.send, from).href;
    assert.equal(await answerTo(context, watch, from, WAYS_OF_POST.fetch, url, FORGED), 403);
    assert.equal(await socketOpens(context, fromSocket, new URL(ROUTES.connect, fromSocket).href), false);
    assert.deepEqual(await listener.rest(), []);
  });

  test("that is the server's own, or an address that somebody has typed, is none", async (t) => {
    const { server } = await startTargets(t, { token: 'secret' });
    const watch = await watchAnswers(t, server);
    const context = await openContext(t);
    const own = `http://localhost:${watch.port}`;
    // The live page itself would ask for more; a health check's answer is a page of the same origin.
    const page = await context.newPage();
    for (const path of [ROUTES.page, ROUTES.clients, ROUTES.status]) {
      assert.equal((await page.goto(own + path)).status(), 200, path);
      assert.equal(await answerTo(context, watch, `${own}/healthz`, WAYS_OF_GET.fetch, own + path), 200, path);
    }
  });
});
