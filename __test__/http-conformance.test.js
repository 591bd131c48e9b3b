'use strict';

// What RFC 9112 (HTTP/1.1), RFC 9110 (HTTP) and RFC 6455 (the upgrade) demand where requests are malformed, could be
// read in two ways, or are merely rare. Behind each request that must be refused stands a good one that sends a
// message: it must not be executed, and nor must one that is hidden in a body.

const assert = require('node:assert/strict');

const {
  answered,
  answeredLast,
  conformance,
  get,
  LAST,
  MAX_HEADER_SIZE,
  post,
  refusals,
} = require('./support/conformance.js');
const { statuses } = require('./support/exchange.js');

conformance('the end of a request', (t) => {
  t.exchange('what these tests look for can be found: a request behind a good one is executed', async (scene) => {
    assert.deepEqual(statuses(await scene.answers(scene.smuggled + LAST)), [200, 200]);
    await scene.delivered('smuggled');
  });

  const lengths = ['+5', '-5', '0x5', '1e1', '5_0', '5 5', '5,5', '5, 6', '5;', '', '\x0b5', '18446744073709551616'];
  refusals(t, 'Content-Length', 400, [
    ['two different ones', (s) => post(s, 'Content-Length: 5\r\nContent-Length: 50', 'hello')],
    ...lengths.map((length) => [JSON.stringify(length), (s) => post(s, `Content-Length: ${length}`, 'hello')]),
  ]);
  answered(t, 'Content-Length', [
    ['the same one twice', (s) => post(s, 'Content-Length: 5\r\nContent-Length: 5', 'hello'), [200], 'hello'],
    ['with white space around it', (s) => post(s, 'Content-Length: \t5\t ', 'hello'), [200], 'hello'],
  ]);

  const chunks = '5\r\nhello\r\n0\r\n\r\n';
  const encoded = (encoding) => [JSON.stringify(encoding), (s) => post(s, `Transfer-Encoding: ${encoding}`, chunks)];
  const malformed = [
    'xchunked',
    'identity',
    'chunked, identity',
    'chunked;q=1',
    '"chunked"',
    'chun ked',
    '',
    'chunked,',
  ];
  const disguised = ['\x0bchunked', 'chunked\x0b', '\xa0chunked', '\x85chunked', 'chunked\x00', 'chunked\rX: y'];
  refusals(t, 'Transfer-Encoding', 400, [
    ...[...malformed, ...disguised].map(encoded),
    encoded('chunked\r\nTransfer-Encoding: identity'),
    ['in HTTP/1.0', (s) => post(s, 'Transfer-Encoding: chunked', chunks).replace('HTTP/1.1', 'HTTP/1.0')],
  ]);
  const unknown = ['gzip, chunked', 'chunked, chunked', ',chunked', 'identity\r\nTransfer-Encoding: chunked'];
  refusals(t, 'Transfer-Encoding', 501, unknown.map(encoded));
  const readAs = (encoding) => [...encoded(encoding), [200], 'hello'];
  answeredLast(t, 'Transfer-Encoding', [
    ...['chunked', 'Chunked', '\tchunked\t '].map(readAs),
    [
      'before a Content-Length',
      (s) => post(s, 'Transfer-Encoding: chunked\r\nContent-Length: 3', chunks),
      [200],
      'hello',
    ],
    [
      'behind a Content-Length',
      (s) => post(s, 'Content-Length: 3\r\nTransfer-Encoding: chunked', chunks),
      [200],
      'hello',
    ],
  ]);
});

conformance('chunks', (t) => {
  const chunked = (chunks) => (s) => post(s, 'Transfer-Encoding: chunked', chunks);
  const shown = (chunks) => [JSON.stringify(chunks).slice(0, 50), chunked(chunks)];
  const sizes = ['zz', '0x5', '+5', '-5', ' 5', '', '5;a\nb', '5;a\rb', 'fffffffffffffffff'];
  const trailers = ['no colon', 'X: a\rb', 'X: a\0b', 'X: a\r\n folded', 'X : y', `X: ${'y'.repeat(30_000)}`];
  refusals(t, 'a chunk of size', 400, [
    ...sizes.map((size) => [JSON.stringify(size), chunked(`${size}\r\nhello\r\n0\r\n\r\n`)]),
    ['with an extension of 20 KB', chunked(`5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`)],
  ]);
  refusals(t, 'chunks', 400, [
    ['longer than their size', chunked('5\r\nhelloXX0\r\n\r\n')],
    ['without CRLF behind them', chunked('5\r\nhello0\r\n\r\n')],
    ['with bare LF behind their size', chunked('5\nhello\r\n0\r\n\r\n')],
    ['with bare LF behind them', chunked('5\r\nhello\n0\r\n\r\n')],
    ['with bare LF behind the last size', chunked('5\r\nhello\r\n0\n\r\n')],
    ['of a negative end', chunked('5\r\nhello\r\n-0\r\n\r\n')],
  ]);
  refusals(t, 'a trailer', 400, [
    ...trailers.map((trailer) => shown(`0\r\n${trailer}\r\n\r\n`)),
    ['of 200 lines', chunked(`0\r\n${'X: y\r\n'.repeat(200)}\r\n`)],
  ]);
  const hello = (rest) => [...shown(rest), [200], 'hello'];
  answeredLast(t, 'chunks', [
    hello('00000005\r\nhello\r\n0\r\n\r\n'),
    hello('5;name="value"\r\nhello\r\n0\r\n\r\n'),
    hello('5 \r\nhello\r\n0\r\n\r\n'),
    hello('2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'),
    ['a Content-Length in a trailer', chunked('5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n'), [200], 'hello'],
    ['a Transfer-Encoding in a trailer', chunked('5\r\nhello\r\n0\r\nTransfer-Encoding: x\r\n\r\n'), [200], 'hello'],
    ['bare LF at the very end', chunked('5\r\nhello\r\n0\r\n\n'), [200], 'hello'],
    ['bare LF behind a trailer', chunked('5\r\nhello\r\n0\r\nX: y\n\n'), [200], 'hello'],
  ]);
});

conformance('heads', (t) => {
  const healthz = (headers) => () => get('GET /healthz HTTP/1.1', headers);
  const withHeader = (line) => [JSON.stringify(line), healthz(`Host: x\r\n${line}`)];
  const names = ['Content-Length : 5', 'Transfer-Encoding\t: chunked', 'X[]: y', '"X": y', ': y', 'H\xe9: y', 'X\0: y'];
  const values = ['X: a\0b', 'X: a\x01b', 'X: a\x7fb', 'X: a\rb', 'X: y\rContent-Length: 5'];
  const folded = ['X: a\r\n b', 'X: a\r\n\tb', 'Content-Length: 5\r\n 0', 'Content-Length\r\n: 5'];
  refusals(t, 'a header', 400, ['no colon', ...names, ...values, ...folded].map(withHeader));
  refusals(t, 'a header', 400, [['behind white space', healthz(' X: y\r\nHost: x')]]);
  refusals(t, 'headers', 431, [
    ['too many', healthz(`Host: x\r\n${'X: y\r\n'.repeat(64)}Y: z`)],
    ['too long together', healthz(`Host: x\r\nX: ${'y'.repeat(MAX_HEADER_SIZE)}`)],
  ]);
  answered(t, 'a header', [
    ['of bytes above 127', healthz('Host: x\r\nX: a\xe9b'), [200]],
    ['that ends in bare LF, as a line', healthz('Host: x\nX: y'), [200]],
    ['after which a bare LF ends the head, as a head', () => 'GET /healthz HTTP/1.1\nHost: x\n\n', [200]],
  ]);

  const hosts = ['x\r\nHost: y', 'x\r\nHost: x', 'a b', 'user@x', 'x/path', 'x?y', 'x#y', 'x\\y', '[::1', '\xe9'];
  refusals(t, 'Host', 400, [
    ['missing', healthz('X: y')],
    ...hosts.map((host) => [JSON.stringify(host), healthz(`Host: ${host}`)]),
    ['two in HTTP/1.0', () => get('GET /healthz HTTP/1.0', 'Host: x\r\nHost: y')],
  ]);
  answered(t, 'Host', [
    ['empty', healthz('Host:'), [200]],
    ['an address and a port', healthz('Host: [::1]:80'), [200]],
  ]);
  answeredLast(t, 'Host', [['missing in HTTP/1.0', () => get('GET /healthz HTTP/1.0', 'X: y'), [200]]]);
});

conformance('request lines', (t) => {
  const line = (text) => [JSON.stringify(text).slice(0, 50), () => get(text)];
  const spaces = [
    'GET  /healthz HTTP/1.1',
    'GET /healthz HTTP/1.1 ',
    'GET\t/healthz\tHTTP/1.1',
    ' GET /healthz HTTP/1.1',
  ];
  const bytes = [
    'G\0T /healthz HTTP/1.1',
    'GET /h\0 HTTP/1.1',
    'GET /h z HTTP/1.1',
    'GET /h\rX HTTP/1.1',
    'G(T / HTTP/1.1',
  ];
  const versions = ['http/1.1', 'HTTP/1', 'HTTP/1.10', 'HTTP/01.1', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/9.9', ''];
  refusals(t, 'a request line', 400, [
    ...[...spaces, ...bytes, 'GET HTTP/1.1', 'GET http:///healthz HTTP/1.1'].map(line),
    ...versions.map((version) => line(`GET /healthz ${version}`)),
    ['of HTTP/0.9', () => 'GET /healthz\r\n\r\n'],
    line('GET http://user@localhost/healthz HTTP/1.1'),
  ]);
  refusals(t, 'a request line', 431, [
    ['with a target that is too long', () => get(`GET /${'x'.repeat(MAX_HEADER_SIZE)} HTTP/1.1`)],
    ['with a method that is too long', () => get(`${'X'.repeat(MAX_HEADER_SIZE)} / HTTP/1.1`)],
  ]);
  refusals(t, 'HTTP/2 that was not agreed on', undefined, [['its preface', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']]);
  refusals(t, 'a target in absolute form', 403, [
    ['whose host counts, and not the Host', () => get('GET http://stranger.example/ HTTP/1.1', 'Host: localhost')],
  ]);
  answered(t, 'a request line', [
    ['behind empty lines', () => `\r\n\r\n${get('GET /healthz HTTP/1.1')}`, [200]],
    [
      'in absolute form, whose host counts',
      () => get('GET http://localhost/status.json HTTP/1.1', 'Host: stranger.example'),
      [200],
    ],
    ['in absolute form', (s) => s.post('hello').replace('POST ', 'POST http://localhost'), [200], 'hello'],
    ['in authority form', () => get('GET localhost:80 HTTP/1.1'), [404]],
    ['to be connected with another host', () => get('CONNECT localhost:80 HTTP/1.1'), [404]],
    ['in asterisk form', () => get('OPTIONS * HTTP/1.1'), [404]],
    ['of an unknown method', () => get('BREW /healthz HTTP/1.1'), [405]],
    ['of a method in other letters', () => get('get /healthz HTTP/1.1'), [405]],
  ]);
});

conformance('connections', (t) => {
  const healthz = (version, connection) => () =>
    get(`GET /healthz HTTP/${version}`, `Host: x${connection ? `\r\nConnection: ${connection}` : ''}`);
  answeredLast(t, 'a connection', [
    ['that the client wants closed', healthz('1.1', 'close'), [200]],
    ['that the client wants closed, among other things', healthz('1.1', 'keep-alive, Close'), [200]],
    ['of HTTP/1.0', healthz('1.0'), [200]],
  ]);
  answered(t, 'a connection', [
    ['of HTTP/1.0 that the client wants kept', healthz('1.0', 'keep-alive'), [200]],
    ['with 200 requests at once', () => healthz('1.1')().repeat(200), Array(200).fill(200)],
  ]);

  t.exchange('requests in one piece are answered in their order', async (scene) => {
    const ready = get('GET /readyz HTTP/1.1');
    const answers = await scene.answers(scene.post('first') + ready + scene.post('second') + ready + LAST);
    assert.deepEqual(
      answers.map((answer) => answer.body),
      ['ok', 'ready', 'ok', 'ready', 'ok'],
    );
    await scene.delivered('first', 'second');
  });

  t.exchange(
    'a bad request among good ones is refused after those before it, and none after it is executed',
    async (scene) => {
      const answers = await scene.answers(`${scene.post('first')}bad\r\n\r\n${scene.smuggled}`);
      assert.deepEqual(statuses(answers), [200, 400]);
      await scene.delivered('first');
    },
  );

  t.exchange('a request that comes byte by byte is a request', async (scene) => {
    const connection = await scene.connect();
    for (const byte of scene.post('hello') + LAST) {
      connection.write(byte);
      await new Promise(setImmediate);
    }
    assert.match((await connection.closed()).toString(), /^HTTP\/1\.1 200 .*HTTP\/1\.1 200 /s);
    await scene.delivered('hello');
  });
});

conformance('bodies', (t) => {
  const hidden = (line, { smuggled }, headers = '') =>
    get(line, `Host: x\r\n${headers}Content-Length: ${smuggled.length}`) + smuggled;
  answeredLast(t, 'a request hidden in the body', [
    ['of GET', (s) => hidden('GET /healthz HTTP/1.1', s), [200]],
    ['of what is not found', (s) => hidden('POST /nothing HTTP/1.1', s), [404]],
    ['of a method that is not allowed', (s) => hidden(`PUT ${s.target} HTTP/1.1`, s), [405]],
    ['of a sender who is not known', (s) => hidden(`POST /${s.db}/send?id=nobody HTTP/1.1`, s), [401]],
    ['of a web page', (s) => hidden(`POST ${s.target} HTTP/1.1`, s, 'Origin: https://page.example\r\n'), [403]],
    [
      'of 60 KB of GET',
      (s) => get('GET /healthz HTTP/1.1', `Host: x\r\nContent-Length: 60000`) + s.smuggled.repeat(9),
      [200],
    ],
  ]);

  t.exchange('Expect: 100-continue is answered before the body comes', async (scene) => {
    const connection = await scene.connect();
    connection.write(post(scene, 'Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close', ''));
    await connection.heard('HTTP/1.1 100 Continue\r\n\r\n');
    connection.write('hello');
    assert.match((await connection.closed()).toString(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    await scene.delivered('hello');
  });
  answeredLast(t, 'Expect: 100-continue', [
    [
      'where the body is not wanted',
      (s) => get(`POST /${s.db}/send?id=nobody HTTP/1.1`, 'Host: x\r\nExpect: 100-continue\r\nContent-Length: 5'),
      [401],
    ],
    [
      'of HTTP/1.0, ignored',
      (s) => post(s, 'Expect: 100-continue\r\nContent-Length: 5', 'hello').replace('HTTP/1.1', 'HTTP/1.0'),
      [200],
      'hello',
    ],
  ]);

  for (const path of ['/healthz', '/nothing', '/', '/mydb_data/clients']) {
    t.exchange(`HEAD ${path} is answered as GET, without the body`, async (scene) => {
      const [toGet] = await scene.answers(get(`GET ${path} HTTP/1.1`) + LAST);
      const [toHead, last] = await scene.answers(get(`HEAD ${path} HTTP/1.1`) + LAST, { isToHead: true });
      assert.deepEqual(withoutDate(toHead), { ...withoutDate(toGet), body: '' });
      assert.equal(last.body, 'ok');
    });
  }
  for (const [path, allowed] of [
    ['/healthz', 'GET, HEAD'],
    ['/mydb_data/clients', 'GET, HEAD'],
    ['/mydb_data/connect', 'GET'],
    ['/mydb_data/send', 'POST'],
  ]) {
    t.exchange(`a method that ${path} does not know is answered with those that it does`, async (scene) => {
      const [refusal] = await scene.answers(get(`PUT ${path} HTTP/1.1`) + LAST);
      assert.deepEqual([refusal.status, refusal.headers.allow], [405, allowed]);
    });
  }
});

function withoutDate({ headers: { date, ...headers }, ...answer }) {
  assert.match(date, / GMT$/);
  return { ...answer, headers };
}

conformance('upgrades', (t) => {
  const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
  const upgrade =
    (from = '', to = '') =>
    (s) =>
      `${s.handshake.replace(from, to)}\r\n\r\n`;
  const more = (lines) => (s) => `${s.handshake}\r\n${lines}\r\n\r\n`;

  refusals(t, 'a handshake', 400, [
    ['with a key of 15 bytes', upgrade(KEY, 'AAAAAAAAAAAAAAAAAAAA')],
    ['with a key that is not Base64', upgrade(KEY, 'dGhlIHNhbXBsZSBub25j????')],
    ['with two keys', more(`Sec-WebSocket-Key: ${KEY}`)],
    ['whose Connection does not say so', upgrade('Connection: Upgrade', 'Connection: keep-alive')],
    ['with a body', (s) => `${s.handshake}\r\nContent-Length: ${s.smuggled.length}\r\n\r\n${s.smuggled}`],
    ['with chunks', (s) => `${s.handshake}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ]);

  for (const [name, text] of [
    ['of version 8', upgrade('Version: 13', 'Version: 8')],
    ['of versions 8 and 13', more('Sec-WebSocket-Version: 8')],
    ['of no version', upgrade('Sec-WebSocket-Version: 13\r\n')],
  ]) {
    t.exchange(`a handshake ${name}: 426, and the version that would do`, async (scene) => {
      const [answer] = await scene.answers(text(scene) + LAST);
      assert.equal(answer.status, 426);
      assert.equal(answer.headers['sec-websocket-version'], '13');
    });
  }

  t.exchange('an upgrade to something else: 426, and what would do', async (scene) => {
    const [answer] = await scene.answers(upgrade('Upgrade: websocket', 'Upgrade: h2c')(scene) + LAST);
    assert.equal(answer.status, 426);
    assert.equal(answer.headers.upgrade, 'websocket');
    assert.equal(answer.headers.connection, 'upgrade');
  });

  answered(t, 'an upgrade that is not offered', [
    ['to HTTP/2, ignored', () => get('GET /healthz HTTP/1.1', 'Host: x\r\nConnection: Upgrade\r\nUpgrade: h2c'), [200]],
    ['of another route, ignored', (s) => `${s.handshake.replace(/\/\S+/, '/healthz')}\r\n\r\n`, [200]],
  ]);

  // Taken for a frame it breaks several rules, but has to be all there first.
  const PADDING = 'x'.repeat(200);
  for (const [name, text] of [
    ['and no more', upgrade()],
    ['whose Connection has two items', upgrade('Connection: Upgrade', 'Connection: keep-alive, Upgrade')],
    ['whose Connection has two lines', upgrade('Connection: Upgrade', 'Connection: keep-alive\r\nConnection: upgrade')],
    ['whose Upgrade is in other letters', upgrade('Upgrade: websocket', 'Upgrade: WebSocket')],
    ['whose Upgrade has two items', upgrade('Upgrade: websocket', 'Upgrade: h2c, websocket')],
    [
      'with an extension and a subprotocol',
      more('Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: x'),
    ],
    ['with a body of no bytes', more('Content-Length: 0')],
  ]) {
    t.exchange(`a good handshake ${name}: 101 as demanded, and what follows is not HTTP`, async (scene) => {
      const [answer, ...others] = await scene.answers(text(scene) + scene.smuggled + PADDING);
      assert.equal(answer.status, 101);
      assert.deepEqual(Object.keys(answer.headers).sort(), ['connection', 'date', 'sec-websocket-accept', 'upgrade']);
      assert.equal(answer.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
      assert.match(answer.body, /welcome:.*WebSocket protocol error$/s);
      assert.deepEqual(others, []);
      await scene.delivered('connect:third-1', 'disconnect:third-1');
    });
  }
});
