/** Where the emulator's program is. */

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const NAME = process.platform === 'win32' ? 'secondme-avatar-emulator.exe' : 'secondme-avatar-emulator'

/** The program that the environment names, that of the package, or the one on the `PATH`. */
export function findEmulator(): string {
  const named = process.env.SECONDME_AVATAR_EMULATOR
  if (named) return named
  const beside = packaged()
  if (beside !== undefined) return beside
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const program = join(folder, NAME)
    if (folder !== '' && existsSync(program)) return program
  }
  throw new Error(
    'there is no emulator: `npm install --save-dev secondme-avatar-emulator`, or name the program in ' +
      'SECONDME_AVATAR_EMULATOR (`cargo build -p secondme-avatar-emulator` in the repository makes it)',
  )
}

function packaged(): string | undefined {
  // It is looked for from here, and from where the program runs: with pnpm a package sees only what it asked for.
  for (const from of [__dirname, process.cwd()]) {
    let entry: string
    try {
      entry = require.resolve('secondme-avatar-emulator', { paths: [from] })
    } catch {
      continue
    }
    return (require(entry) as { binaryPath(): string }).binaryPath()
  }
  return undefined
}
