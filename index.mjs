// The package's face for `import`.

import face from './index.js';

export const { AceBaseIPCServer } = face;
// What `import ipc from` got of version 1, which was CommonJS.
export default face;
