/** Why the addon could not be loaded, and what helps. */

import { isBundled, isSingleExecutable } from './lookup.js'

/** How the program runs, as far as that matters for an addon. */
export interface Surroundings {
  readonly isBundled: boolean
  readonly isSingleExecutable: boolean
  readonly isDeno: boolean
}

const SOURCE = 'build it from source: `make dist-node` in the repository'

/** There is no package for this platform. */
export function noBuild(place: string, places: readonly string[]): Error {
  return new Error(
    `secondme-avatar has no native build for ${place}; there are builds for ${places.join(', ')}. ` +
      `Run it on one of these, or ${SOURCE}.`,
  )
}

/** There are packages for it, but none could be loaded. */
export function cannotLoad(place: string, packages: readonly string[], failures: readonly unknown[]): Error {
  // A package that is there and does not load says more than one that is missing.
  const cause = failures.find((failure) => !isAbsent(failure)) ?? failures.find(isNotFound) ?? failures[0]
  const advice = adviceFor(cause, packages, {
    isBundled: isBundled(),
    isSingleExecutable: isSingleExecutable(),
    isDeno: 'Deno' in globalThis,
  })
  const why = messageOf(cause)
    .replace(/\nRequire stack:[\s\S]*/, '')
    .replace(/\s+/g, ' ')
    .replace(/[. ]+$/, '')
  return new Error(`secondme-avatar cannot load its native part on ${place}: ${why}. ${advice}`, { cause })
}

/** @internal Says what helps against such a failure. */
export function adviceFor(failure: unknown, packages: readonly string[], where: Surroundings): string {
  const message = messageOf(failure)
  const { code } = Object(failure) as { code?: unknown }
  const glibc = /version [`'"]?GLIBC_([\d.]+)/.exec(message)
  const names = packages.join(' or ')
  if (code === 'ERR_DLOPEN_DISABLED') {
    return 'Native addons are switched off here: start Node with `--allow-addons` if it runs with `--permission`, and without `--no-addons`.'
  }
  if (where.isDeno && !isAbsent(failure)) {
    return 'Deno loads native addons only if it may: `deno run --allow-ffi --allow-read --allow-env --allow-sys`.'
  }
  if (glibc !== null) {
    return `The C library of this system is older than glibc ${glibc[1]}, which the addon needs: use a newer system, or ${SOURCE}.`
  }
  if (/musl|ld-linux|Error relocating/.test(message)) {
    return `The addon is for another C library (glibc, musl) than this system's: run \`npm install\` on the system on which the program is to run, and do not copy \`node_modules\` there.`
  }
  if (/ELF|Win32 application|incompatible architecture|mach-o/i.test(message)) {
    return 'The addon is for another platform: run `npm install` on the platform on which the program is to run, and do not copy `node_modules` there.'
  }
  if (/map segment|not permitted|denied/i.test(message)) {
    return 'The addon lies where nothing may be executed (a file system mounted `noexec`, perhaps): put `node_modules` elsewhere.'
  }
  if (/of another version/.test(message)) return 'Install again, so that both are of one version.'
  if (!isAbsent(failure)) return `Install again; if that does not help, ${SOURCE}.`
  if (where.isSingleExecutable) {
    return `A single executable application carries no addon: put \`node_modules\` with ${names} beside the executable.`
  }
  if (where.isBundled) {
    return (
      `The package was bundled without its addon (${names}): leave \`secondme-avatar\` out of the bundle and deploy ` +
      'it in `node_modules` (esbuild `--external:secondme-avatar`; `external` of Rollup and Vite; `externals` of ' +
      'webpack; `serverExternalPackages` of Next.js). `docs/bundlers.md` in the repository says more.'
    )
  }
  return (
    `It comes in ${names}, an optional dependency: install again without \`--omit=optional\` or \`--no-optional\`, on ` +
    'the platform on which it is to run (not in a container or CI image of another one). If that package does not ' +
    `exist for this version, ${SOURCE}.`
  )
}

/** Whether the package is missing, or a bundler has left a `require` behind that does not exist. */
function isAbsent(failure: unknown): boolean {
  return (
    isNotFound(failure) ||
    failure instanceof ReferenceError ||
    /Dynamic require|require is not/.test(messageOf(failure))
  )
}

function isNotFound(failure: unknown): boolean {
  const { code } = Object(failure) as { code?: unknown }
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_UNKNOWN_BUILTIN_MODULE'
}

function messageOf(failure: unknown): string {
  // An error of another realm is no `instanceof` of this realm's `Error`.
  return String((Object(failure) as { message?: unknown }).message ?? failure)
}
