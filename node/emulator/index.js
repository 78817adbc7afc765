const NAME = process.platform === 'win32' ? 'secondme-avatar-emulator.exe' : 'secondme-avatar-emulator'

// What there are packages for, by platform and processor. Of several, npm has installed the one that runs here.
const BUILDS = {
  'linux x64': ['linux-x64-gnu', 'linux-x64-musl'],
  'linux arm64': ['linux-arm64-gnu', 'linux-arm64-musl'],
  'darwin x64': ['darwin-x64'],
  'darwin arm64': ['darwin-arm64'],
  'win32 x64': ['win32-x64-msvc', 'win32-x64-gnu'],
  'win32 arm64': ['win32-arm64-msvc'],
}

function binaryPath() {
  const place = `${process.platform} ${process.arch}`
  const packages = (BUILDS[place] ?? []).map((build) => `@secondme-avatar/emulator-${build}`)
  for (const name of packages) {
    try {
      return require.resolve(`${name}/${NAME}`)
    } catch {
      // The next one, perhaps.
    }
  }
  throw new Error(
    packages.length === 0
      ? `secondme-avatar-emulator has no build for ${place}; \`cargo build -p secondme-avatar-emulator\` in the repository makes one`
      : `secondme-avatar-emulator has not been installed with its program (${packages.join(' or ')}): install again without ` +
          '`--omit=optional` or `--no-optional`, on the platform on which it is to run. If that package does not exist ' +
          'for this version, `cargo build -p secondme-avatar-emulator` in the repository makes the program',
  )
}

exports.binaryPath = binaryPath
