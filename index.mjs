// The package's face for `import`.

import face from './index.js';

export const { AceBaseIPCServer } = face;
