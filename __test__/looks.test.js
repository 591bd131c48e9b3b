'use strict';

// The commands `trace`, `kick` and `doctor`, and what the command line does with addresses that are nearly right.

const assert = require('node:assert/strict');
const { mkdirSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { readCommandLine } = require('../lib/command-line/command-line.js');
const { filesInUse } = require('../lib/doctor/files-in-use.js');
const { findings } = require('../lib/doctor/findings.js');
const { packagesAt } = require('../lib/doctor/packages.js');
const { pem } = require('./support/certificates.js');
const { makeFolder } = require('./support/folder.js');
const { request } = require('./support/http.js');
const { join } = require('./support/peer.js');
const { noOpenssl, noProc, noSignals } = require('./support/platform.js');
const { COMMAND, start } = require('./support/process.js');
const { startServer } = require('./support/server.js');

function command(t, args, { env = {}, ...options } = {}) {
  return start(t, process.execPath, [COMMAND, ...args], { env: { PATH: process.env.PATH, ...env }, ...options });
}

test('a server is named by a port, a host, both or a URL, in whichever way', () => {
  const url = (...args) => readCommandLine(['status', ...args], {}).url.href;
  assert.equal(url('9200'), 'http://localhost:9200/');
  assert.equal(url('port=9200'), 'http://localhost:9200/');
  assert.equal(url('--port', '9200'), 'http://localhost:9200/');
  assert.equal(url('host=ipc.example.com'), 'http://ipc.example.com:9163/');
  assert.equal(readCommandLine(['--port', '9200'], {}).config.port, 9200);
});

test('what is nearly right is guessed, and what is lacking is said', () => {
  const complaint = (...args) => {
    try {
      return readCommandLine(args, {});
    } catch (error) {
      return error.message;
    }
  };
  assert.equal(complaint('stauts'), 'unknown argument "stauts": did you mean status?');
  assert.equal(complaint('status', 'prot=1'), 'unknown argument "prot=…" of status: did you mean port=…?');
  assert.equal(complaint('kick', 'db=x'), 'kick must be told client=…');
  assert.equal(
    complaint('status', '--max-wait=5 weeks'),
    'maxWait must be a time such as 5s or 500ms, but is "5 weeks"',
  );
  assert.equal(complaint('--port'), 'argument PORT needs a value: PORT=…');
  for (const [text, milliseconds] of [
    ['5s', 5000],
    ['500ms', 500],
    ['2min', 120_000],
    ['1.5', 1500],
  ]) {
    assert.equal(readCommandLine(['status', `maxWait=${text}`], {}).maxWait, milliseconds);
  }
});

test('a database is found under the name that AceBase has for it', async (t) => {
  const server = await startServer(t);
  await join(server, '[master]');
  const { code, stdout } = await command(t, ['status', `${server.port}`, 'db=mydb']).ended;
  assert.equal(code, 0);
  assert.match(stdout, /\nmydb_data: master present/);
});

test('TLS is found out, or said, where it is not what was typed', { skip: noOpenssl }, async (t) => {
  const secure = await startServer(t, { ssl: pem() });
  const found = await command(t, ['status', `localhost:${secure.port}`, '--insecure']).ended;
  assert.equal(found.code, 0);
  const told = await command(t, ['status', `http://localhost:${secure.port}`]).ended;
  assert.equal(
    told.stderr,
    `acebase-ipc-server: http://localhost:${secure.port} speaks TLS: use https://localhost:${secure.port}\n`,
  );
  const plain = await startServer(t);
  const back = await command(t, ['status', `https://127.0.0.1:${plain.port}`]).ended;
  assert.match(back.stderr, /cannot be reached: it speaks no TLS: use http:\/\/127\.0\.0\.1:\d+\n$/);
  const distrusted = await command(t, ['status', `https://localhost:${secure.port}`]).ended;
  assert.match(distrusted.stderr, /set NODE_EXTRA_CA_CERTS=ca\.pem to the file of its authority, or use --insecure\n$/);
});

test('the messages of a client are traced until that is ended', { skip: noSignals }, async (t) => {
  const server = await startServer(t);
  const [one, two] = [await join(server, 'peer-1'), await join(server, 'peer-2')];
  const trace = command(t, ['trace', `${server.port}`, 'db=mydb', 'client=peer-1']);
  const timer = setInterval(() => {
    one.send('to:peer-2;hello');
    two.send('not of this client, but for it');
  }, 100);
  t.after(() => clearInterval(timer));
  await trace.printed(/^\d\d:\d\d:\d\d\.\d{3} peer-1 > peer-2 5 B forwarded hello$/m);
  trace.child.kill('SIGINT');
  assert.equal((await trace.ended).code, 0);
});

test('a client is kicked, and one that is not there is said to be none', async (t) => {
  const server = await startServer(t);
  const peer = await join(server, 'peer-1');
  const kicked = await command(t, ['kick', `${server.port}`, 'db=mydb_data', 'client=peer-1']).ended;
  assert.equal(kicked.code, 0);
  assert.equal((await peer.closed).code, 1000);
  const again = await command(t, ['kick', `${server.port}`, 'db=mydb_data', 'client=peer-1']).ended;
  assert.equal(again.code, 2);
  assert.match(again.stderr, /no client peer-1 of database mydb_data is connected/);
});

test('nobody kicks or traces without the token, from a page, or by way of a proxy', async (t) => {
  const guarded = await startServer(t, { token: 'secret' });
  await join(guarded, 'peer-1', { token: 'secret' });
  const open = await startServer(t);
  await join(open, 'peer-1');
  for (const deed of ['kick', 'trace']) {
    const path = `/${deed}?db=mydb_data&client=peer-1`;
    assert.equal((await request(guarded, `POST ${path}`)).status, 401);
    assert.equal((await request(guarded, `POST ${path}&t=wrong`)).status, 401);
    assert.equal((await request(open, `GET ${path}`)).status, 405);
    assert.equal((await request(open, `POST ${path}`, { headers: { origin: 'https://evil.example' } })).status, 403);
    assert.equal((await request(open, `POST ${path}`, { headers: { 'sec-fetch-site': 'cross-site' } })).status, 403);
    assert.equal((await request(open, `POST ${path}`, { headers: { 'x-forwarded-for': '203.0.113.9' } })).status, 401);
    assert.equal((await request(open, `POST ${path}`, { headers: { host: 'evil.example' } })).status, 403);
  }
  assert.equal(guarded.getClients('mydb_data').length + open.getClients('mydb_data').length, 2);
  assert.equal((await request(guarded, 'POST /kick?db=mydb_data&client=peer-1&t=secret')).status, 200);
});

test('the doctor says what is right and what is wrong, and ends with 2 where something is', async (t) => {
  const server = await startServer(t);
  await join(server, '[master]');
  const { code, stdout } = await command(t, ['doctor', `${server.port}`]).ended;
  assert.match(stdout, /^ok {4}an AceBase IPC server \S+ answers at http:\/\/localhost:\d+\n/);
  assert.match(stdout, /\nok {4}its clock and that of this machine agree\n/);
  assert.match(stdout, /\nok {4}acebase 1\.\S+ is one of the versions that were tried\n/);
  assert.match(stdout, /\nok {4}mydb_data has a master, and 1 client in all\n/);
  assert.ok([0, 2].includes(code), stdout);
  const lost = await command(t, ['doctor', '1']).ended;
  assert.equal(lost.code, 2);
  assert.match(
    lost.stdout,
    /^WRONG http:\/\/localhost:1 cannot be reached: nobody listens there\n {6}-> Start the server/,
  );
});

/** What a doctor has seen of a set-up that is well. */
const SEEN = {
  report: { server: { version: '2.0.0', now: 5000 }, troubles: [], databases: [] },
  origin: 'http://localhost:9163',
  asked: 5000,
  answered: 5000,
  version: '2.0.0',
  packages: { acebase: '1.29.0', ws: '8.18.0' },
  files: [],
};

test('a doctor tells clocks that differ, packages that are missing and files that others have open', () => {
  const wrong = (seen) =>
    findings({ ...SEEN, ...seen })
      .filter(({ verdict }) => verdict === 'wrong')
      .map(({ what }) => what);
  assert.deepEqual(wrong({}), []);
  assert.deepEqual(wrong({ asked: 65_000, answered: 65_100 }), ['its clock and that of this machine differ by 1 min']);
  assert.deepEqual(wrong({ packages: { acebase: '1.29.0' } }), ['ws is not installed, which acebase connects with']);
  const files = [{ pid: 7, command: 'node x.js', folder: 'mydb.acebase' }];
  assert.deepEqual(wrong({ files }), [
    'process 7 (node x.js) has files of mydb.acebase open, and is not connected to this server',
  ]);
  const database = { name: 'mydb_data', masterPresent: true, peerCount: 1, peers: [{ pid: 7 }] };
  assert.deepEqual(wrong({ files, report: { ...SEEN.report, databases: [database] } }), []);
});

test('who has files open is told by its script, not by what Node.js is told before it', { skip: noProc }, async (t) => {
  const folder = path.join(makeFolder(t, 'doctor'), 'mydb.acebase');
  mkdirSync(folder);
  const script = path.join(folder, 'holder.js');
  writeFileSync(
    script,
    `require('node:fs').openSync('${folder}/data.db', 'w'); console.log('open'); setTimeout(() => {}, 60_000);`,
  );
  const { child, printed } = start(t, process.execPath, ['--no-warnings', '-r', 'node:fs', script]);
  await printed(/open/);
  const found = filesInUse().filter(({ pid }) => pid === child.pid);
  assert.deepEqual(found, [{ pid: child.pid, command: 'node holder.js', folder: 'mydb.acebase' }]);
});

test('packages are found where the program would load them from', (t) => {
  const folder = makeFolder(t, 'doctor');
  const install = (at, version) => {
    mkdirSync(path.join(folder, at), { recursive: true });
    writeFileSync(path.join(folder, at, 'package.json'), JSON.stringify({ version }));
  };
  install('node_modules/acebase', '1.29.1');
  install('node_modules/acebase/node_modules/ws', '7.0.0');
  mkdirSync(path.join(folder, 'src'));
  const { acebase, ws } = packagesAt(path.join(folder, 'src'));
  assert.deepEqual([acebase, ws], ['1.29.1', '7.0.0']);
});
