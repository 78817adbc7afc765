// The AI SDK's `useChat` and assistant-ui on the widget's endpoint: the pages of examples/widget-react.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { chromium } from 'playwright-core'
import { startEmulator } from 'secondme-avatar/testing'

import { launchOptions } from './support/stage.mjs'

const LONG_MS = 60_000

/** The example's server, and a page of it in a browser. */
async function opened(t, name, emulated = {}) {
  const emulator = await startEmulator(emulated)
  const folder = mkdtempSync(join(tmpdir(), 'secondme-avatar-react-'))
  const program = spawn(
    process.execPath,
    [fileURLToPath(new URL('../../../../examples/widget-react/server.mjs', import.meta.url))],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        SECONDME_BASE_URL: emulator.baseUrl,
        SECONDME_API_KEY: emulator.apiKey,
        AVATAR_SECRET: 'a secret of the test, 32 bytes or more',
        AVATAR_STORE: join(folder, 'avatar.db'),
        PORT: '0',
      },
    },
  )
  const browser = await chromium.launch(launchOptions())
  t.after(async () => {
    await browser.close()
    program.kill('SIGKILL')
    await emulator.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const address = await new Promise((resolve) => program.stdout.once('data', (text) => resolve(`${text}`.trim())))
  const page = await browser.newPage()
  page.setDefaultTimeout(LONG_MS)
  const faults = []
  page.on('pageerror', (error) => faults.push(error))
  await page.goto(new URL(`/${name}`, address).href)
  return { emulator, page, faults }
}

async function say(page, text) {
  await page.getByRole('textbox', { name: 'Message' }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
}

test('useChat shows an answer piece by piece, resumes it, and the owner who speaks unasked', async (t) => {
  const { emulator, page, faults } = await opened(t, 'use-chat', { pieceDelayMs: 3_600_000 })
  const log = page.getByRole('log')
  await say(page, 'one two three')
  await log.getByText('You said:').waitFor()
  await page.reload()
  await log.getByText('You said:').waitFor()
  for (let piece = 0; piece < 8; piece += 1) await emulator.advance(3_600_000)
  await log.getByText('You said: one two three', { exact: true }).waitFor()
  assert.equal(await log.getByText('one two three', { exact: true }).count(), 1)
  const { sessions } = await emulator.state()
  await emulator.owner.reply(sessions[0].sessionId, 'It is me')
  await log.getByText('It is me').waitFor()
  await log.getByText(', in person').waitFor()
  assert.deepEqual(faults, [])
})

for (const name of ['use-chat', 'assistant-ui'])
  test(`${name} goes on with a conversation that is longer than a request may be`, async (t) => {
    const { page, faults } = await opened(t, name)
    // The page has its cookie by then.
    await page.getByRole('textbox', { name: 'Message' }).waitFor()
    await page.evaluate(async () => {
      for (const letter of 'abcde') {
        const parts = [{ type: 'text', text: letter.repeat(9000) }]
        const body = JSON.stringify({
          id: 'c',
          trigger: 'submit-message',
          messages: [{ id: letter, role: 'user', parts }],
        })
        const answer = await fetch('/avatar', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
        await answer.text()
      }
    })
    await page.reload()
    const log = page.getByRole('log')
    await log.getByText(/^You said: e+$/).waitFor()
    await say(page, 'And again')
    await log.getByText('You said: And again').waitFor()
    assert.deepEqual(faults, [])
  })

test('assistant-ui shows an answer, and the history after a reload', async (t) => {
  const { page, faults } = await opened(t, 'assistant-ui')
  const log = page.getByRole('log')
  await say(page, 'Hello')
  await log.getByText('You said: Hello').waitFor()
  await page.reload()
  await log.getByText('You said: Hello').waitFor()
  await say(page, 'And again')
  await log.getByText('You said: And again').waitFor()
  assert.deepEqual(faults, [])
})
