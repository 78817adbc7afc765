// The notices of what is bundled into the panel: what esbuild says is in it, with each package's own licence.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './bundle.mjs'

/** What no licence file says. */
const LICENCES = {
  dompurify:
    'MPL-2.0 (it may be used under Apache-2.0 too). Its source, used unchanged, is at https://github.com/cure53/DOMPurify/tree/',
}
/** The text of this licence is not repeated in the file that visitors load: the MPL asks for the address of the source. */
const ELSEWHERE = ['dompurify']

/** Returns the packages among a build's inputs, by name and version. */
export function bundled(metafile) {
  const names = new Set()
  for (const input of Object.keys(metafile.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]
    if (name !== undefined) names.add(name)
  }
  return [...names].sort().map((name) => {
    const { version, license } = JSON.parse(read(name, 'package.json'))
    return { name, version, license: LICENCES[name] ? `${LICENCES[name]}${version}` : license }
  })
}

/** The list, and the texts: all of them, or those that stand in the file itself. */
export function notices(packages, isWhole) {
  const list = packages.map(({ name, version, license }) => `  ${name} ${version}: ${license}`).join('\n')
  const texts = packages
    .filter(({ name }) => isWhole || !ELSEWHERE.includes(name))
    .map(({ name }) => [name, licence(read(name, 'LICENSE').trim(), isWhole)])
  const seen = new Set()
  const printed = texts
    .filter(([, text]) => !seen.has(text) && seen.add(text))
    .map(([name, text]) => `\n${'-'.repeat(40)}\n${name}\n\n${text}\n`)
  return `What is bundled into the panel of secondme-avatar-widget:\n\n${list}\n${printed.join('')}`
}

/**
 * What people who contribute to a package agree to is no word for visitors, and paragraphs that are wrapped otherwise in
 * each licence are not found to be the same when they are compressed.
 */
function licence(text, isWhole) {
  if (isWhole) return text
  const asked = text.replace(/^## Contribution License Agreement$.*?(?=^## )/ms, '')
  return asked.replace(/(?<=[^\n]{50})\n *(?!\s|\*|Copyright)/g, ' ')
}

function read(name, file) {
  return readFileSync(join(ROOT, 'node_modules', name, file), 'utf8')
}
