/** Where packages are looked for when this file is not where it was installed. */

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Whether this file has become part of another one. */
export function isBundled(): boolean {
  return typeof __filename !== 'string' || !/[\\/]lib[\\/]lookup\.js$/.test(__filename)
}

/** Whether the program is a single executable application. */
export function isSingleExecutable(): boolean {
  try {
    return (process.getBuiltinModule?.('node:sea') as { isSea(): boolean } | undefined)?.isSea() ?? false
  } catch {
    return false
  }
}

/**
 * A `require` for each place that the program itself names: its script, its executable, the folder it was started in.
 * The `require` of the package `secondme-avatar` there comes first: with pnpm, only that one sees the addon.
 */
export function besideProgram(): NodeJS.Require[] {
  const script = process.argv[1]
  const places = [
    ...(script === undefined ? [] : [script]),
    ...(isSingleExecutable() ? [join(dirname(process.execPath), 'executable.js')] : []),
    join(process.cwd(), 'program.js'),
  ]
  return places.flatMap((place) => {
    try {
      const here = createRequire(place)
      return [...asPackage(here), here]
    } catch {
      // The program was started in another way.
      return []
    }
  })
}

function asPackage(here: NodeJS.Require): NodeJS.Require[] {
  try {
    return [createRequire(here.resolve('secondme-avatar/package.json'))]
  } catch {
    return []
  }
}
