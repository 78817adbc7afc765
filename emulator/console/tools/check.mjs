// Is what is checked in what the sources give, and is it small?
import assert from 'node:assert/strict'
import { readFileSync, readdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

const LIMIT = 150_000
const FILES = ['console.css', 'console.js', 'index.html']

const kept = new URL('../dist/', import.meta.url).pathname
const built = mkdtempSync(join(tmpdir(), 'secondme-console-'))
try {
  await build({ root: join(kept, '..'), logLevel: 'warn', build: { outDir: built, emptyOutDir: true } })
  assert.deepEqual(readdirSync(built).sort(), FILES, 'the build gives these files and no others')
  assert.deepEqual(readdirSync(kept).sort(), FILES, 'emulator/console/dist holds these files and no others')
  let size = 0
  for (const file of FILES) {
    const content = readFileSync(join(built, file))
    assert.ok(content.equals(readFileSync(join(kept, file))), `dist/${file} is out of date: run make console-build`)
    size += gzipSync(content).length
  }
  assert.ok(size < LIMIT, `the page has ${size} bytes, gzipped; it may have ${LIMIT}`)
  console.log(`the page has ${(size / 1000).toFixed(1)} kB, gzipped`)
} finally {
  rmSync(built, { recursive: true, force: true })
}
