'use strict';

// Writes fuzz/seeds/<target>/: small inputs that show the fuzzer what each target is about. A seed is what the target's
// function reads (src/<target>.rs says in which order). `node fuzz/seeds.js` writes all of them again; needs OpenSSL.
//
// Those of certificates are made afresh each time, with new keys that protect nothing.

const { execFileSync } = require('node:child_process');
const { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, 'seeds');
const FIXTURES = path.join(__dirname, 'fixtures');
const MASTER = '[master]';
const WORKER = 'worker000000000000000001';

writeAll('frames', frames());
writeAll('wire', wire());
writeAll('acebase_message', acebaseMessage());
writeAll('coordination', coordination());
writeAll('hostile', hostile());
writeAll('hub', hub());
writeAll('hubs', hubs());
writeAll('query', query());
writeAll('reliable', reliable());
writeAll('tls_session', tlsSession());
writeAll('certificates', certificates());

function writeAll(target, seeds) {
  const folder = path.join(ROOT, target);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(seeds)) {
    writeFileSync(path.join(folder, name), content);
  }
}

/** Limits, mode, pieces; then a client's bytes, or what it says. */
function frames() {
  const listen = (plan, ...parts) => bytes([0, 0], 0, plan.length, plan, ...parts);
  const speak = (limits, plan, ...parts) => bytes(limits, 1, plan.length, plan, 'mask', ...parts);
  return {
    text: listen([3], frame(0x81, 'to:all;hello')),
    'two-texts': listen([1, 7], frame(0x81, 'ping'), frame(0x81, '{"type":"hello"}')),
    fragments: listen([2], frame(0x01, 'to:'), frame(0x89, 'x'), frame(0x00, 'all;'), frame(0x80, 'é')),
    'close-with-reason': listen([5], frame(0x81, 'a'), frame(0x88, bytes([3, 232], 'bye'))),
    'long-header': listen([], frame(0x81, 'x'.repeat(126))),
    'longest-header': listen([200], bytes([0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0], 'x')),
    'invalid-utf8': listen([], frame(0x81, bytes([0xc3, 0x28]))),
    'reserved-bits': listen([], frame(0xc1, 'x')),
    unmasked: listen([], bytes([0x81, 1], 'x')),
    'spoken-texts': speak(
      [0, 0],
      [9],
      [4, 0],
      'ping\n',
      [6, 2],
      'to:all;äöü\n',
      [1, 2, 0],
      'pong payload 20 byte',
      [4, 0],
      'x\n',
    ),
    'spoken-too-long': speak([1, 0], [4], [5, 9], '0123456789\n', [1]),
    'spoken-close': speak([2, 2], [], [4, 63], 'ab\n', [2], 'binary\n', [3]),
  };
}

/** A limit, an id, a text. */
function wire() {
  return {
    ping: bytes([4], 'someone\n', 'ping'),
    addressed: bytes([9], `${MASTER}\n`, `to:${MASTER};{"type":"hello"}`),
    'to-all': bytes([9], 'all\n', 'to:all;hello'),
    'no-semicolon': bytes([0], '\n', 'to:nobody'),
    'two-units': bytes([2], 'a;b\n', '😀é'),
  };
}

/** Words, or a world's bound and steps: a client, what happens, and to what extent. */
function reliable() {
  const word = (text) => bytes([1], text);
  const play = (...steps) => bytes([0, 0], steps.flat());
  const [say, deliver, read, acknowledge, cut, connect, crash, handOver, pass] = [0, 4, 6, 8, 10, 11, 13, 14, 15];
  return {
    message: word('#7 to:all;hello'),
    again: word('!8191 {"type":"hello"}'),
    had: word('=64'),
    state: word('~{"locks":[],"requests":[],"peers":["a"]}'),
    offer: word('v=1.0.0&id=peer-1&reliable=1&life=abcdefghijklmnopqrst&session=s-1&had=3'),
    delivered: play([0, say], [0, deliver, 7], [1, read, 7], [1, acknowledge], [1, deliver, 7]),
    cut: play([0, say], [0, deliver, 7], [1, cut], [0, say], [0, deliver, 7], [1, connect], [1, read, 7]),
    crash: play([0, say], [0, deliver, 7], [1, read, 7], [0, crash], [0, connect], [0, read, 1], [0, deliver, 7]),
    'hand-over': play([0, say], [0, deliver, 7], [0, handOver], [1, read, 7], [0, pass, 2]),
  };
}

/** What it is about; then a place, a target and a header, or pieces and frames, or an address, or steps. */
function hubs() {
  const frames = (pieces, ...all) => bytes([1, pieces - 1], ...all);
  const [take, look, renew, release, pass, wait] = [0, 1, 2, 3, 4, 5];
  return {
    credentials: bytes([0, 0, 1, 0, 70], '/db/connect?id=peer\n', 'two;1700000000000;a1;-;00ff'),
    'no-credentials': bytes([0, 0, 0, 0, 0], '/\n', ';;;;'),
    frames: frames(3, frame(0x81, 'to:all;hello'), frame(0x88, bytes([3, 232])), frame(0x81, 'x'.repeat(126))),
    'part-of-a-frame': frames(1, bytes([0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0])),
    redis: bytes([2], 'redis.internal:6379/1?cluster=blue'),
    sentinels: bytes([2], 'redis+sentinel://a,[::1]:1/main/2'),
    owners: bytes(
      [3],
      [take, 0, 0],
      [look, 1, 0],
      [renew, 0, 0],
      [pass, 0, 0, 1],
      [release, 0, 0],
      [wait, 0, 0, 250],
      [take, 2, 0],
    ),
    'two-databases': bytes(
      [3],
      [take, 0, 0],
      [take, 1, 1],
      [take, 1, 0],
      [wait, 0, 0, 100],
      [release, 1, 1],
      [take, 0, 1],
    ),
  };
}

/** Three words, a number in eight bytes, a message. */
function acebaseMessage() {
  const head = (message) => bytes(`${WORKER}\nrequest1\na/b[3]\n`, [0, 0, 1, 0, 0, 0, 0, 7], JSON.stringify(message));
  const request = (type, data) => head({ type, id: 'r1', from: WORKER, to: MASTER, data });
  const lock = { id: 3, path: 'a/b', tid: 't', write: true, expires: 1700000000000.5, comment: '"c"' };
  return {
    'lock-request': request('lock-request', { path: 'a/b', tid: 't', write: true, comment: 'set "x"' }),
    'unlock-request': request('unlock-request', { id: 3 }),
    'move-lock-request': request('move-lock-request', { id: 3, move_to: 'parent' }),
    'add-key': request('request', { type: 'kit.add', key: 'name' }),
    release: request('request', { type: 'fst.release', ranges: [[1, 2, 3]] }),
    grant: head({ type: 'lock-result', id: 'r1', from: MASTER, to: WORKER, ok: true, data: lock }),
    refusal: head({ type: 'lock-result', id: 'r1', from: MASTER, to: WORKER, ok: false, reason: 'no' }),
    'odd-grant': head({ type: 'lock-result', id: 'r1', from: MASTER, ok: true, data: { id: 3, expires: 'soon' } }),
    hello: head({ type: 'hello', from: WORKER }),
    escaped: bytes(
      'ä"\\\n\u2028\n\n',
      [255, 255, 255, 255, 255, 255, 255, 255],
      '{"type":"bye","from":"\\ud83d\\ude00"}',
    ),
  };
}

/** Configuration and ending in four bytes; then steps: a number, and what it takes. */
function coordination() {
  const usual = [0, 0, 0, 0];
  const two = [0, 0, 0, 1, 11, 19];
  return {
    'two-workers-lock': bytes(usual, two, [5, 0, 0, 1, 5, 1, 1, 1, 19, 6, 0, 0, 19, 6, 1, 0, 19]),
    'worker-returns': bytes(usual, two, [5, 0, 0, 1, 1, 0, 0, 20, 200, 2, 0, 19, 6, 0, 0]),
    'hub-hands-over': bytes(
      usual,
      two,
      [5, 0, 0, 1, 49, 19, 5, 1, 1, 1, 49, 1, 0, 0, 49, 13, 0, 3, 1, 49, 2, 0, 14, 0, 49, 19],
    ),
    'worker-dies': bytes(usual, two, [5, 0, 0, 1, 19, 5, 1, 1, 1, 3, 0, 0, 20, 240, 19]),
    'master-blips': bytes(usual, two, [5, 0, 0, 1, 17, 6, 13, 0, 3, 1, 5, 1, 1, 0, 14, 0, 19, 6, 0, 0]),
    'master-changes': bytes([0, 0, 0, 1], two, [5, 0, 0, 1, 19, 15, 0, 7, 3, 5, 1, 1, 1, 20, 230, 11, 20, 220, 19]),
    'workers-wait': bytes([0, 0, 0, 2], [0, 0, 0, 1, 5, 0, 0, 1, 8, 1, 1, 20, 240, 11, 19]),
    'two-masters': bytes(usual, two, [5, 0, 0, 0, 12, 19, 14, 0, 19, 20, 253]),
    'rival-waits': bytes(usual, two, [21, 19, 13, 0, 7, 3, 19, 5, 0, 0, 1, 19, 6, 0, 0, 19]),
    'rival-is-dismissed': bytes(usual, two, [21, 19, 9, 0, 4, 21, 22, 21, 19, 20, 253, 12, 19]),
    news: bytes(usual, two, [9, 0, 4, 9, 1, 0, 1, 0, 0, 9, 1, 0, 9, 1, 4, 2, 0, 10, 0, 6]),
    'few-requests': bytes([1, 0, 0, 0], two, [5, 0, 0, 1, 5, 0, 1, 1, 5, 1, 0, 0, 8, 0, 0, 19]),
    'no-sessions': bytes([0, 1, 0, 0], two, [5, 0, 0, 1, 1, 0, 0, 2, 0, 19]),
    'moved-lock': bytes(usual, two, [5, 0, 0, 1, 19, 7, 0, 0, 19, 16, 6, 0, 0, 19, 16, 4, 0, 0]),
    indexes: bytes(usual, two, [20, 205, 21, 0, 21, 1, 19, 21, 0, 13, 0, 2, 0, 14, 0, 21, 1, 19]),
    'quiet-stop': bytes(
      usual,
      two,
      [5, 0, 0, 1, 19, 5, 1, 1, 1, 250, 1, 1, 124, 2, 0, 14, 0, 19, 2, 1, 19, 6, 0, 0, 19],
    ),
    poison: bytes(usual, two, [5, 1, 0, 1, 22, 0, 1, 5, 0, 1, 1, 19, 20, 220, 11, 19, 20, 220, 11, 19, 22, 1, 0]),
  };
}

/** Configuration and clock in eight bytes; then events: who connects or goes, time, or a message. */
function hostile() {
  const usual = [0, 0, 0, 0, 0, 0, 0, 0];
  const three = [0, 0, 0, 1, 0, 2];
  // Sender, addressee, form, type, honest sender, id, ok, data.
  const send = (from, to, type, id, data) => [3, from, to, 0, type, 0, id, 1, ...data];
  const lock = (id, write) => [3, id, 0, 0, 0, write];
  return {
    'lock-and-unlock': bytes(
      usual,
      three,
      send(1, 0, 0, 1, lock(0, 1)),
      send(0, 1, 4, 1, lock(0, 1)),
      send(1, 0, 1, 2, lock(0, 1)),
    ),
    'same-id-twice': bytes(
      usual,
      three,
      send(1, 0, 0, 1, lock(0, 1)),
      send(1, 0, 0, 1, lock(0, 1)),
      send(1, 0, 3, 1, [1, 0]),
    ),
    'no-master': bytes(usual, [0, 1], send(1, 0, 0, 1, lock(0, 1)), send(1, 0, 3, 2, [1, 1]), [2, 5]),
    'unasked-answers': bytes(
      usual,
      three,
      send(0, 1, 4, 1, lock(4, 0)),
      send(0, 2, 5, 2, lock(5, 0)),
      send(0, 1, 6, 3, [0]),
    ),
    'in-anothers-name': bytes(usual, three, [3, 1, 5, 0, 7, 7, 0, 1, 1, 0], [3, 2, 5, 0, 8, 7, 1, 1, 1, 0], [2, 3]),
    'bye-and-back': bytes(
      usual,
      three,
      send(1, 5, 8, 0, [0]),
      send(0, 5, 8, 0, [0]),
      [1, 1, 0],
      [0, 1],
      [2, 4],
      [0, 0],
      [2, 2],
    ),
    'master-blips': bytes(
      usual,
      three,
      send(1, 0, 0, 1, lock(0, 1)),
      [1, 0, 0],
      [2, 2],
      [0, 0],
      send(0, 4, 4, 1, lock(0, 0)),
      [2, 3],
    ),
    text: bytes(
      usual,
      three,
      [3, 1, 5, 7],
      '{"type":"hello","from":"plain"}\n',
      [3, 3, 5, 7],
      '{"type":"hello","from":"plain"}\n',
    ),
    'odd-data': bytes(usual, three, [3, 1, 0, 0, 0, 0, 1, 1, 2], '{"path":7}\n', [3, 1, 0, 0, 0, 0, 1, 1, 2], '[[[[\n'),
    // The worker 1 has a lock; the worker 2 asks for its release, by `1` and by `1.0`.
    'anothers-lock': bytes(
      usual,
      three,
      send(1, 0, 0, 1, lock(0, 1)),
      send(0, 1, 4, 1, lock(0, 1)),
      [3, 2, 0, 6, 1, 0, 3, 1, 0, 0],
      [3, 2, 0, 6, 1, 0, 4, 1, 1, 0],
    ),
    'indexes-gone': bytes(
      usual,
      three,
      [1, 2].flatMap((from) => [3, from, 5, 6, 10, 0, 0, 1, 5, 0, 0, 0, 0, 0]),
    ),
    'fitting-data': bytes(
      usual,
      three,
      [3, 1, 0, 6, 3, 0, 1, 1, 1, 0, 0, 2, 0, 0, 1],
      [3, 1, 5, 6, 11, 0, 1, 1, 0, 0, 0, 2, 0, 0],
      [3, 1, 5, 6, 9, 0, 1, 1, 0, 2, 0, 0, 0, 0],
    ),
    'words-of-the-hub': bytes(
      usual,
      three,
      ...['disconnect:[master]', 'welcome:{', 'pong', '{', '{"type":"event","from":"x"}'].map((text) =>
        bytes([3, 1, 5, 7], `${text}\n`),
      ),
    ),
  };
}

/** Configuration in four bytes; then events: who, what, and what it takes. */
function hub() {
  const plain = [0, 0, 0, 0];
  const acebase = [1, 0, 1, 0];
  const all = [0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0];
  const say = (who, ...texts) => [who, 10, texts.length - 1, ...texts.flat()];
  const toAll = (length) => [4, length];
  const to = (who, length) => [who, length];
  return {
    'all-talk': bytes(plain, all, say(0, toAll(0), to(1, 1)), say(1, to(0, 5), toAll(2)), say(3, to(3, 0))),
    'slow-reader': bytes([0, 1, 0, 0], all, [1, 2], say(0, toAll(3)), say(0, toAll(5)), say(0, toAll(7)), [1, 3, 160]),
    'reads-on': bytes(plain, all, [1, 2], say(0, toAll(3), to(1, 6)), [1, 3, 100], [1, 3, 250], say(2, toAll(0))),
    blip: bytes(
      acebase,
      all,
      say(1, to(0, 0), to(0, 6)),
      [0, 4, 60],
      say(1, to(0, 1)),
      [0, 1, 0, 50],
      say(1, to(0, 2)),
      [0, 0, 0],
    ),
    'hands-over': bytes(
      acebase,
      all,
      [1, 2],
      say(0, to(1, 6), toAll(2)),
      [0, 251],
      [1, 3, 160],
      [0, 239],
      say(1, to(0, 3)),
    ),
    replaced: bytes(acebase, all, [2, 2], say(0, to(2, 1)), [2, 0, 30], [0, 2], say(1, toAll(1)), [0, 0, 40], [0, 8]),
    'kicked-and-sent': bytes(acebase, all, [1, 7, 3], [0, 1, 1, 255], [0, 6], [1, 6], [3, 5, 4, 1], [0, 9]),
    downloads: bytes(
      [1, 0, 1, 1],
      all,
      say(0, toAll(5), to(1, 1), to(2, 7)),
      [1, 1, 0, 255],
      say(2, toAll(6)),
      [1, 0, 0],
    ),
    'away-too-long': bytes([1, 1, 0, 0], all, [0, 1, 0, 0], say(1, to(0, 6)), say(1, to(0, 6)), say(1, to(0, 0))),
  };
}

/** A value, a target. */
function query() {
  return {
    connect: bytes(`${MASTER}\n`, '/mydb_data/connect?v=1.0.0&id=[master]&t=undefined'),
    encoded: bytes('ä/&=%\n', '/my%2Fdb/receive?id=%5Bmaster%5D&msg=m1&t=%ff%fe'),
    twice: bytes('id=second\n', '/db/send?id=first&id=second&id&=x&t=a=b&v'),
    refused: bytes('a\u0001b\n', '/db/connect?v=2.0.0&id=ab%00cd'),
    'no-path': bytes('\n', '//?&&==%'),
  };
}

/** Limits, version, what comes with the upgrade, what HTTP reads of it, pieces; then what the client does. */
function tlsSession() {
  const [TLS13, TLS12] = [0, 1];
  const say = (text, times = 1) => [0, ...Buffer.from(`${text}\n`), times - 1];
  const write = (content) => [3, ...Buffer.from(content), 10];
  const end = [4];
  const derail = (content, times) => [5, ...Buffer.from(content), 10, times];
  const newKeys = [6];
  const handOver = (bytesBefore) => [224, bytesBefore];
  const spoil = (bit, text, at) => [7, bit, ...Buffer.from(`${text}\n`), at];
  const after = (version, plan, ...steps) => bytes([0, version, 0, 0], plan.length, plan, ...steps);
  const withUpgrade = (blocks, readByHttp, ...steps) => bytes([0, TLS13, blocks, readByHttp], 0, ...steps);
  const long = 'a'.repeat(120);
  return {
    texts: after(TLS13, [1, 20], say('hello'), say('ping'), say('to:listener;here', 3), say('to:nobody;there')),
    'texts-old': after(TLS12, [0], say('hello', 5), newKeys, say('again')),
    'many-texts': after(TLS13, [], say(long, 64), say(long, 64), say(long, 64), end),
    ended: after(TLS13, [], say('hello'), end, say('not heard')),
    'ended-old': after(TLS12, [3], say('hello'), end, derail('behind', 255)),
    'bytes-behind-the-end': after(TLS13, [], say('hello'), end, derail('bytes', 255)),
    'with-upgrade': withUpgrade(255, 255, say(long, 64), say(long, 64), say(long, 64)),
    'with-upgrade-unread': withUpgrade(255, 0, say(long, 64), say('last')),
    'with-upgrade-cut': withUpgrade(1, 1, say(long, 20), say('last')),
    'with-upgrade-ended': withUpgrade(255, 3, say(long, 20), end, derail('bytes', 255)),
    'new-keys': after(TLS13, [2], say('one'), newKeys, newKeys, say('two'), newKeys, end),
    noise: after(TLS13, [], say('hello'), derail('noise', 9), say('not heard')),
    'noise-old': withUpgrade(1, 0, derail('\u0017\u0003\u0003', 2)),
    spoilt: after(TLS13, [7], say('hello'), spoil(3, 'not heard', 9), say('nor this')),
    'no-frames': after(TLS12, [1], say('hello'), write('GET / HTTP/1.1')),
    'hand-over': after(TLS13, [], say('one'), handOver(0), say('two'), handOver(9), handOver(3), say(long, 64), end),
    'hand-over-with-upgrade': withUpgrade(255, 1, say('one'), handOver(2), say('two'), derail('noise', 0)),
    'hand-over-new-keys': after(TLS13, [0], newKeys, say('one'), handOver(7), say('two'), newKeys, say('not heard')),
    'hand-over-spoilt': after(TLS13, [2], handOver(0), say('one'), handOver(8), spoil(3, 'not heard', 9), handOver(1)),
    'hand-over-old': after(TLS12, [1], say('one'), handOver(0), say('two')),
    'closed-frame': after(TLS13, [], say('hello'), write(frame(0x88, '')), say('not heard'), end),
  };
}

/** Role, passphrase, file. */
function certificates() {
  const fixture = (name) => readFileSync(path.join(FIXTURES, name));
  const [KEY, CERTIFICATE, BOTH, AUTHORITIES, PKCS12] = [0, 1, 2, 3, 4];
  const folder = mkdtempSync(path.join(os.tmpdir(), 'seeds-'));
  // Few rounds, so that runs are short.
  const make = (command, options) => {
    const identity = ['-inkey', path.join(FIXTURES, 'leaf.key'), '-in', path.join(FIXTURES, 'leaf.pem')];
    const source = command === 'pkcs12' ? ['-export', ...identity] : ['-topk8', '-in', path.join(FIXTURES, 'leaf.key')];
    const file = path.join(folder, 'made');
    execFileSync('openssl', [
      command,
      ...source,
      '-passout',
      'pass:secret',
      '-out',
      file,
      ...options.split(' ').filter(Boolean),
    ]);
    return readFileSync(file);
  };
  const seeds = {
    key: bytes([KEY, 1], fixture('leaf.key')),
    certificate: bytes([CERTIFICATE, 1], fixture('leaf.pem')),
    both: bytes([BOTH, 0], fixture('leaf.pem'), fixture('leaf.key')),
    authorities: bytes([AUTHORITIES, 1], fixture('leaf.pem')),
    'windows-text': bytes([BOTH, 1], '\ufeff', `${fixture('leaf.key')}${fixture('leaf.pem')}`.replaceAll('\n', '\r\n')),
    'old-encryption': bytes(
      [KEY, 0],
      '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n',
    ),
    pbkdf2: bytes([KEY, 0], make('pkcs8', '-v2 aes-256-cbc -iter 2')),
    'pbkdf2-des3': bytes([KEY, 0], make('pkcs8', '-v2 des3 -v2prf hmacWithSHA1 -iter 2')),
    scrypt: bytes([KEY, 0], make('pkcs8', '-scrypt -scrypt_N 2 -scrypt_r 1 -scrypt_p 1')),
    'wrong-passphrase': bytes([KEY, 2], make('pkcs8', '-v2 aes-128-cbc -iter 2')),
    pkcs12: bytes([PKCS12, 0], make('pkcs12', '-iter 2')),
    'pkcs12-plain': bytes([PKCS12, 0], make('pkcs12', '-keypbe NONE -certpbe NONE -nomac')),
    'pkcs12-old': bytes([PKCS12, 0], make('pkcs12', '-legacy -iter 2 -macalg sha1')),
    'pkcs12-no-mac': bytes([PKCS12, 0], make('pkcs12', '-nomac -iter 2')),
  };
  rmSync(folder, { recursive: true });
  return seeds;
}

/** A client's frame, with a mask that changes nothing. */
function frame(first, payload) {
  const content = Buffer.from(payload);
  const length = content.length < 126 ? [0x80 | content.length] : [0xfe, content.length >> 8, content.length & 0xff];
  return bytes([first], length, [0, 0, 0, 0], content);
}

/** Numbers, lists of them, texts and buffers, one after the other. */
function bytes(...parts) {
  return Buffer.concat(parts.map((part) => Buffer.from(typeof part === 'number' ? [part] : part)));
}
