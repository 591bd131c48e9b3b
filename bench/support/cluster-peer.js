'use strict';

// One AceBase process of a cluster under load: opens the database, updates its own path in a loop when told to, and
// reads back what it wrote. Everything it has to say goes over the process channel: clients print each message they
// get.

const { AceBase } = require('acebase');

const { storage, name } = JSON.parse(process.argv[2]);
const db = new AceBase('bench', { logLevel: 'error', storage });
const mine = () => db.ref(`bench/${name}`);

/** Updates as often as it can for so long. @returns {Promise<{ updates: number, times: number[] }>} times in ms */
async function update(milliseconds) {
  const times = [];
  const end = performance.now() + milliseconds;
  let before = performance.now();
  while (before < end) {
    await mine().update({ counter: times.length + 1, written: Date.now() });
    const after = performance.now();
    times.push(after - before);
    before = after;
  }
  return { updates: times.length, times };
}

async function load(milliseconds) {
  const warmUp = await update(milliseconds / 4);
  const cpu = process.cpuUsage();
  const result = await update(milliseconds);
  const { user, system } = process.cpuUsage(cpu);
  const stored = (await mine().get()).val();
  return { ...result, warmUps: warmUp.updates, stored: stored?.counter, cpuSeconds: (user + system) / 1e6 };
}

const actions = {
  load: ({ milliseconds }) => load(milliseconds),
  counter: async ({ of }) => (await db.ref(`bench/${of}/counter`).get()).val(),
  close: () => db.close(),
};

process.on('message', async ({ action, ...details }) => {
  try {
    process.send({ result: await actions[action](details) });
  } catch (error) {
    process.send({ error: error.message });
  }
  if (action === 'close') process.exit(0);
});
process.on('disconnect', () => process.exit(0));
db.ready(() => process.send({ result: 'ready' }));
