#!/usr/bin/env node
'use strict';

// The command `acebase-ipc-server`: runs one server until it is told to stop, or looks at a running one.

const { readCommandLine, helpText, VARIABLES } = require('../lib/command-line/command-line.js');
const { UsageError } = require('../lib/command-line/usage-error.js');

/**
 * A stop that takes longer than this, in milliseconds, is not waited for. Longer than handing over may take, with very
 * much that waits for clients, and than a stop that waits for locks: whoever sent the signal has a limit of its own.
 */
const STOP_LIMIT = 12_000;

/**
 * How long a process that has failed and does not end by itself may take for its last words, in milliseconds: pm2
 * writes them later.
 */
const LAST_WORDS_LIMIT = 250;

/** What pm2 sends where it is told to stop a process by a message: on Windows its signals end a process at once. */
const SHUTDOWN = 'shutdown';

main().catch((error) => {
  console.error(`acebase-ipc-server: ${error.message}`);
  process.exitCode = 1;
  // The channel to a parent process may keep this one alive, as in pm2's cluster mode.
  setTimeout(() => process.exit(), LAST_WORDS_LIMIT).unref();
});

async function main() {
  const command = readCommandLine(process.argv.slice(2), process.env);
  switch (command.kind) {
    case 'help':
      return process.stdout.write(helpText());
    case 'version':
      return console.log(require('../package.json').version);
    case 'completion':
      return process.stdout.write(
        require('../lib/command-line/completion.js').completionScript(command.shell, VARIABLES),
      );
    case 'status':
    case 'top':
      return look(require('../lib/command-line/status.js')[command.kind], command);
    case 'trace':
    case 'kick':
      return look(require('../lib/command-line/trace.js')[command.kind], command);
    case 'handover':
      return look(require('../lib/command-line/handover.js').handover, command);
    case 'doctor':
      return look(require('../lib/command-line/doctor.js').doctor, command);
    default:
      return run(command);
  }
}

/** Looks at a running server, and ends with what the look gives. */
async function look(at, command) {
  process.exitCode = await at(command);
}

async function run({ config, notes }) {
  const { AceBaseIPCServer } = require('../index.js');
  const { Log } = require('../lib/server/log.js');
  const { SIGNALS } = require('../lib/server/exit.js');
  const server = makeServer(AceBaseIPCServer, config);
  const log = new Log(config);
  for (const note of notes) {
    log.write('warn', note);
  }
  const stopOnce = once(() => stop(server));
  for (const signal of SIGNALS) {
    // Not only once: a second signal would end the process in the middle of the stop, and by a signal that this program
    // does not listen to any more the server itself ends the process.
    process.on(signal, stopOnce);
  }
  process.on('message', (message) => message === SHUTDOWN && stopOnce());
  await server.start();
  // pm2 with `wait_ready`, and whoever else forked this process, waits for it.
  process.send?.('ready');
}

/** A bad value is reported in the words of the command line's user: in one line, without a stack. */
function makeServer(AceBaseIPCServer, config) {
  try {
    return new AceBaseIPCServer(config);
  } catch (error) {
    throw new UsageError(error.message.replace(/^AceBaseIPCServer: /, ''));
  }
}

function once(action) {
  let isDone = false;
  return () => {
    if (!isDone) {
      isDone = true;
      action();
    }
  };
}

function stop(server) {
  setTimeout(() => process.exit(1), STOP_LIMIT).unref();
  // With the option keepPort, which is on by default here, the next server goes on with the connections.
  server.handOver().then(() => {
    // The channel to a parent process would keep this one alive.
    process.disconnect?.();
  });
}
