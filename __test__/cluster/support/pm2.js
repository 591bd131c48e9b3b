'use strict';

// pm2 with a home of its own: nothing of the user's is touched, and all of it ends with the test.

const { execFile } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');

const { defer, disownProcess, ownProcess } = require('./scope.js');

const COMMAND = require.resolve('pm2/bin/pm2');

/** How long one command may take, in milliseconds. */
const COMMAND_LIMIT = 30_000;

class Pm2 {
  #folder;
  #env;

  constructor(folder, home) {
    this.#folder = folder;
    this.#env = { ...process.env, PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: 'true' };
  }

  async #run(...args) {
    const options = { cwd: this.#folder, env: this.#env, timeout: COMMAND_LIMIT, maxBuffer: 16 * 1024 * 1024 };
    const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, ...args], options);
    return stdout;
  }

  /** Starts the apps of the folder's ecosystem file. */
  async start(...args) {
    await this.#run('start', 'ecosystem.config.js', ...args);
  }

  /** Its processes: number, app, pid, status, how often pm2 had to start them again, and the last one's exit code. */
  async list() {
    const json = await this.#run('jlist', '--silent');
    return JSON.parse(json.slice(json.indexOf('['))).map(({ pm_id: id, name, pid, pm2_env: env }) => ({
      id,
      name,
      pid,
      status: env.status,
      restarts: env.restart_time,
      exitCode: env.exit_code,
      logs: [env.pm_out_log_path, env.pm_err_log_path],
    }));
  }

  /** Starts or stops one process by its number. */
  async tell(what, id) {
    await this.#run(what, String(id));
  }

  async kill() {
    await this.#run('kill');
  }
}

/**
 * A pm2 that ends with the test.
 * @param {import('node:test').TestContext} t
 * @param {string} folder Where its apps are, and its home may be.
 */
function preparePm2(t, folder) {
  const home = path.join(folder, 'pm2');
  const pm2 = new Pm2(folder, home);
  defer(t, async () => {
    const daemon = Number(readFileSync(path.join(home, 'pm2.pid'), 'utf8'));
    ownProcess(daemon);
    await pm2.kill();
    disownProcess(daemon);
  });
  return pm2;
}

module.exports = { preparePm2 };
