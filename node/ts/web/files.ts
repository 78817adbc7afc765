/** The widget's own files, from its package. */

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Answer, type Call, Refusal } from './call.js'

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json; charset=utf-8',
  map: 'application/json; charset=utf-8',
}
export const FILE = /^\/([a-zA-Z0-9_-][a-zA-Z0-9._-]*)\.(js|css|json|map)$/
/** A file whose name has a hash of its content never changes. */
const HASHED = /-[A-Za-z0-9_]{8,}\.[a-z]+$/

interface File {
  readonly etag: string
  readonly plain: Buffer
  readonly zipped: Buffer
}

/** Answers with files, each read once. */
export class Files {
  readonly #given: string | undefined
  readonly #read = new Map<string, Promise<File | undefined>>()

  constructor(folder: string | undefined) {
    this.#given = folder
  }

  async answer(call: Call): Promise<Answer> {
    const name = call.path.slice(1)
    const folder = this.#given ?? installed()
    if (folder === undefined) throw missing('install the package `secondme-avatar-widget` beside `secondme-avatar`')
    let reading = this.#read.get(name)
    if (reading === undefined) {
      reading = read(join(folder, name))
      this.#read.set(name, reading)
    }
    const file = await reading
    if (file === undefined) {
      // What is not there takes no memory.
      this.#read.delete(name)
      throw missing('the widget has no such file')
    }
    const isZipped = /(^|[\s,])gzip($|[\s,;])/.test(call.header('accept-encoding') ?? '')
    const etag = `"${file.etag}${isZipped ? '-gzip' : ''}"`
    const headers = {
      'content-type': TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? '',
      'cache-control': HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'public, max-age=300',
      etag,
      vary: 'accept-encoding',
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      ...(isZipped && { 'content-encoding': 'gzip' }),
    }
    const known = call
      .header('if-none-match')
      ?.split(',')
      .map((one) => one.trim().replace(/^W\//, ''))
    if (known?.includes(etag)) return { status: 304, headers }
    return { status: 200, headers, body: isZipped ? file.zipped : file.plain }
  }
}

function missing(message: string): Refusal {
  return new Refusal(404, 'not_found', message, { 'access-control-allow-origin': '*' })
}

async function read(path: string): Promise<File | undefined> {
  try {
    const plain = await readFile(path)
    const etag = createHash('sha256').update(plain).digest('base64url').slice(0, 22)
    return { etag, plain, zipped: gzipSync(plain, { level: 9 }) }
  } catch {
    return undefined
  }
}

/** The folder of the package that is installed beside this one, or beside the program. */
function installed(): string | undefined {
  try {
    return join(dirname(require.resolve('secondme-avatar-widget/package.json')), 'dist')
  } catch {
    try {
      const program = createRequire(join(process.cwd(), 'program.js'))
      return join(dirname(program.resolve('secondme-avatar-widget/package.json')), 'dist')
    } catch {
      return undefined
    }
  }
}
