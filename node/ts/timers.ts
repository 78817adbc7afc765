/** The timers there were when the package was imported: what a test puts in their place later does not stop it. */

import timers = require('node:timers')

export const { setImmediate, setInterval } = timers
