'use strict';

// One AceBase process of a cluster under load: opens the database, works on its own path in a loop when told to, and
// reads back what it wrote. Everything it has to say goes over the process channel: clients print each message they
// get.

const { setTimeout: sleep } = require('node:timers/promises');

const { AceBase, ID } = require('acebase');

const { storage, name } = JSON.parse(process.argv[2]);
const db = new AceBase('bench', { logLevel: 'error', storage });
const mine = () => db.ref(`bench/${name}`);

/** What the load named `work` does under its lock, in milliseconds. */
const WORK = 5;
/** Of the load named `mixed`, one operation in so many writes. */
const WRITE_EACH = 5;
/** How often the lock's own round trip is measured. */
const TRIPS = 300;

const write = (counter) => mine().update({ counter, written: Date.now() });

/** Does one operation, and tells how often the counter has been written since. */
const OPERATIONS = {
  update: (counter) => write(counter + 1),
  work: (counter) =>
    mine().transaction(async () => {
      await sleep(WORK);
      return { counter: counter + 1, written: Date.now() };
    }),
  mixed: (counter, number) => (number % WRITE_EACH === 0 ? write(counter + 1) : mine().get()),
};
const writes = (load, number) => load !== 'mixed' || number % WRITE_EACH === 0;

/** Where the counter is: it goes on from one piece of work to the next. */
let counter = 0;

/** Works as much as it can for so long. @returns {Promise<number[]>} how long each operation took, in ms */
async function work(load, milliseconds) {
  const times = [];
  const end = performance.now() + milliseconds;
  let before = performance.now();
  while (before < end) {
    await OPERATIONS[load](counter, times.length);
    counter += Number(writes(load, times.length));
    const after = performance.now();
    times.push(after - before);
    before = after;
  }
  return times;
}

async function load(kind, milliseconds) {
  const cpu = process.cpuUsage();
  const times = await work(kind, milliseconds);
  const { user, system } = process.cpuUsage(cpu);
  const stored = (await mine().get()).val();
  return { counter, times, stored: stored?.counter, cpuSeconds: (user + system) / 1e6 };
}

/** How long a lock takes that nobody else wants, from its request to its grant. @returns {Promise<number[]>} in ms */
async function lockTrips() {
  const { ipc } = db.api.storage;
  const times = [];
  for (let trip = 0; trip < TRIPS; trip++) {
    const before = performance.now();
    const lock = await ipc.lock({ path: 'bench', tid: ID.generate(), write: true, comment: 'round trip' });
    times.push(performance.now() - before);
    await lock.release();
  }
  return times;
}

const actions = {
  warmUp: async ({ load: kind, milliseconds }) => void (await work(kind, milliseconds)),
  load: ({ load: kind, milliseconds }) => load(kind, milliseconds),
  lockTrips,
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
