// Is what is checked in what the sources give, and is it small?
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bundle, ROOT } from './bundle.mjs'

/** Bytes, gzipped: of what every page of a site loads, and of all that a visitor loads who opens the panel. */
const BEFORE_OPENING = 8_000
const WHOLE = 60_000

const kept = join(ROOT, 'dist')
const built = mkdtempSync(join(tmpdir(), 'secondme-widget-'))
try {
  await bundle(built)
  assert.deepEqual(readdirSync(kept).sort(), readdirSync(built).sort(), 'node/widget/dist holds the files of the build')
  for (const file of readdirSync(built)) {
    const isSame = readFileSync(join(built, file)).equals(readFileSync(join(kept, file)))
    assert.ok(isSame, `dist/${file} is out of date: run make widget-build`)
  }
  for (const loader of ['widget.js', 'index.js']) {
    const before = size(loader)
    const whole = before + size('session.js') + size('panel.js')
    console.log(`${loader}: ${kB(before)} before it is opened, ${kB(whole)} whole, gzipped`)
    assert.ok(before <= BEFORE_OPENING, `${loader} may have ${kB(BEFORE_OPENING)}`)
    assert.ok(whole <= WHOLE, `all of it may have ${kB(WHOLE)}`)
  }
} finally {
  rmSync(built, { recursive: true, force: true })
}

function size(file) {
  return gzipSync(readFileSync(join(built, file)), { level: 9 }).length
}

function kB(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`
}
