// The builds there are: where each runs, and what cargo calls it. `ts/native.ts` looks for them under these names, which
// are those of `napi create-npm-dirs`. On a machine of each, `make dist-node` packs its two packages; they are published
// before the two that name them.

export const builds = [
  { name: 'linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc', target: 'x86_64-unknown-linux-gnu' },
  { name: 'linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl', target: 'x86_64-unknown-linux-musl' },
  { name: 'linux-arm64-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc', target: 'aarch64-unknown-linux-gnu' },
  { name: 'linux-arm64-musl', os: 'linux', cpu: 'arm64', libc: 'musl', target: 'aarch64-unknown-linux-musl' },
  { name: 'darwin-x64', os: 'darwin', cpu: 'x64', target: 'x86_64-apple-darwin' },
  { name: 'darwin-arm64', os: 'darwin', cpu: 'arm64', target: 'aarch64-apple-darwin' },
  { name: 'win32-x64-msvc', os: 'win32', cpu: 'x64', target: 'x86_64-pc-windows-msvc' },
  { name: 'win32-arm64-msvc', os: 'win32', cpu: 'arm64', target: 'aarch64-pc-windows-msvc' },
]

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
