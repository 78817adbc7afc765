// The builds there are: where each runs, and what cargo calls it; `packaging/platforms/targets.json` has them. `ts/native.ts`
// and `emulator/index.js` look for them under these names, which are those of `napi create-npm-dirs`: a test
// compares. The two packages of each are published before the two that name them.

import { readFileSync } from 'node:fs'

const table = new URL('../../packaging/platforms/targets.json', import.meta.url)

export const builds = JSON.parse(readFileSync(table, 'utf8')).map(({ name, rust, npm }) => ({
  name,
  target: rust,
  ...npm,
}))

/** The one for this machine. */
export const here = builds.find(
  ({ os, cpu, libc }) =>
    os === process.platform &&
    cpu === process.arch &&
    (libc === undefined ||
      (libc === 'glibc') === (process.report.getReport().header.glibcVersionRuntime !== undefined)),
)

/** What cargo calls the addon there. */
export function library(os) {
  if (os === 'win32') return 'secondme_avatar_node.dll'
  return `libsecondme_avatar_node.${os === 'darwin' ? 'dylib' : 'so'}`
}
