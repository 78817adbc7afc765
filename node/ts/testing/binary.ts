/** Where the emulator's program is. */

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { besideProgram } from '../lookup.js'

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
    'there is no emulator: install the package secondme-avatar-emulator that `make dist-node` builds, or name the program in ' +
      'SECONDME_AVATAR_EMULATOR (`cargo build -p secondme-avatar-emulator` in the repository makes it)',
  )
}

function packaged(): string | undefined {
  // It is looked for from here, and from where the program runs: with pnpm a package sees only what it asked for.
  for (const from of [() => require, ...besideProgram().map((from) => () => from)]) {
    let emulator: { binaryPath(): string }
    try {
      emulator = from()('secondme-avatar-emulator')
    } catch {
      continue
    }
    return emulator.binaryPath()
  }
  return undefined
}
