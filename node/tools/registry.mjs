// A registry of what lies in some folders, for npm to take packages from as a user's npm does: by name, and of the
// packages for platforms the one that fits.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** Listens; hands back its address and how to end it. */
export async function serve(folders) {
  const packages = Object.fromEntries(tarballs(folders).map((one) => [one.manifest.name, one]))
  const server = createServer(({ url }, response) => {
    const name = decodeURIComponent(url.slice(1).replace(/\/-\/.*/, ''))
    const found = packages[name]
    if (found === undefined) return response.writeHead(404).end('{"error":"Not found"}')
    if (url.includes('/-/')) return response.end(readFileSync(found.path))
    const { version } = found.manifest
    const dist = { tarball: `${address}/${name}/-/package.tgz`, integrity: found.integrity }
    const versions = { [version]: { ...found.manifest, dist } }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `http://127.0.0.1:${server.address().port}`
  return { address, packages, close: () => server.close() }
}

/** Each tarball with its manifest. */
export function tarballs(folders) {
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.startsWith('secondme-') && name.endsWith('.tgz'))
      .map((name) => {
        const path = join(folder, name)
        const content = readFileSync(path)
        const integrity = `sha512-${createHash('sha512').update(content).digest('base64')}`
        return { name, path, integrity, manifest: JSON.parse(fileIn(gunzipSync(content), 'package/package.json')) }
      }),
  )
}

/** A file of a tar archive: each stands behind a header of 512 bytes with its name and its size in octal digits. */
function fileIn(archive, name) {
  for (let at = 0; archive[at] > 0; ) {
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 136), 8)
    if (archive.toString('utf8', at, at + 100).replace(/\0.*/s, '') === name)
      return archive.toString('utf8', at + 512, at + 512 + size)
    at += 512 + Math.ceil(size / 512) * 512
  }
  throw new Error(`there is no ${name} in the archive`)
}
