// The names of `secondme-avatar/bridge` are those of docs/bridge.md, where Python's stand beside them.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

import ts from 'typescript5'

const declarations = fileURLToPath(new URL('../lib/bridge.d.ts', import.meta.url))
const page = readFileSync(new URL('../../docs/bridge.md', import.meta.url), 'utf8')

/** Members that every error has. */
const OF_ERRORS = ['message', 'name', 'stack', 'cause']
/** Another page has these. */
const ELSEWHERE = ['AskOptions', 'Clock']

/** The exported names, and as `Name.member` what they hold. */
function surface() {
  const program = ts.createProgram([declarations], { strict: true, skipLibCheck: true, lib: ['lib.esnext.d.ts'] })
  const checker = program.getTypeChecker()
  const module = checker.getSymbolAtLocation(program.getSourceFile(declarations))
  const names = []
  for (const exported of checker.getExportsOfModule(module)) {
    names.push(exported.name)
    if (ELSEWHERE.includes(exported.name)) continue
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    const type = checker.getDeclaredTypeOfSymbol(symbol)
    const members = type.isUnion()
      ? type.types.map((one) => `'${one.value}'`)
      : type.getProperties().map(({ escapedName }) => String(escapedName))
    const isError = members.includes('stack')
    // Private members, and those under a symbol, have names of the compiler's.
    const own = members.filter((member) => !member.startsWith('__') && !(isError && OF_ERRORS.includes(member)))
    names.push(...own.map((member) => `${exported.name}.${member}`))
  }
  return names.sort()
}

test("the page about the bridge has every name of Node's, and no other", () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| `') || line.startsWith('| |'))
  const named = rows.map((row) => row.split('|')[1].trim().replaceAll('`', '')).filter((name) => name !== '')
  assert.deepEqual(named.sort(), surface())
})
