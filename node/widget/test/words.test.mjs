import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ambientLanguage, builtIn, isRightToLeft } from '../lib/languages.js'
import { filled, LAUNCHER_WORDS } from '../lib/launcher-words.js'
import { PANEL_WORDS } from '../lib/panel-words.js'

const EN = { ...PANEL_WORDS.en, ...LAUNCHER_WORDS.en }
const folder = new URL('../strings/', import.meta.url)

const placeholders = (text) => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort()

test('every language has all words, each with what is filled in', () => {
  const languages = { zh: { ...PANEL_WORDS.zh, ...LAUNCHER_WORDS.zh } }
  for (const file of readdirSync(folder)) languages[file] = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
  assert.ok(Object.keys(languages).length >= 3)
  for (const [language, { direction, ...words }] of Object.entries(languages)) {
    assert.deepEqual(Object.keys(words).sort(), Object.keys(EN).sort(), language)
    for (const [key, text] of Object.entries(words))
      assert.deepEqual(placeholders(text), placeholders(EN[key]), `${language}: ${key}`)
  }
})

test('what is filled in is text, whatever it holds', () => {
  assert.equal(filled('{name} has joined, {name}', { name: '$& {count}' }), '$& {count} has joined, $& {count}')
  assert.equal(filled('{other}', { name: 'x' }), '{other}')
})

test('languages are known by their tags', () => {
  assert.equal(builtIn('zh-Hant-TW'), 'zh')
  assert.equal(builtIn('EN_us'), 'en')
  assert.equal(builtIn('fr'), undefined)
  for (const language of ['ar', 'ar-EG', 'he', 'fa-IR', 'ur']) assert.ok(isRightToLeft(language), language)
  for (const language of ['en', 'zh', 'arn', 'hea']) assert.equal(isRightToLeft(language), false, language)
})

test("the page's language comes before the browser's", () => {
  globalThis.document = { documentElement: { lang: 'de' } }
  const around = (lang) => ({ closest: () => (lang === undefined ? null : { getAttribute: () => lang }) })
  assert.equal(ambientLanguage(around('fr')), 'fr')
  assert.equal(ambientLanguage(around(undefined)), 'de')
})
