import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { browser, emulator, enter, openPage, stage, startEmulator } from './support.mjs'

const TOKEN = 'a-token-that-is-long-enough-for-this'
stage('--token', TOKEN)

test('the token comes with the address, leaves it, and is asked for where it is missing or refused', async () => {
  const page = await openPage(browser, `${emulator.origin}/#${TOKEN}`)
  await page.locator('.link').getByText('Live').waitFor()
  assert.equal(page.url(), `${emulator.origin}/`)
  await page.reload()
  await page.locator('.link').getByText('Live').waitFor()
  await enter(page, 'Ada')
  await page.close()

  const other = await openPage(browser, emulator.origin)
  await other.getByText('This emulator asks for its token.').waitFor()
  await other.getByLabel('Token').fill('another-token-that-is-wrong-here')
  await other.getByRole('button', { name: 'Continue' }).click()
  await other.getByText('The emulator refused the token.').waitFor()
  await other.getByLabel('Token').fill(TOKEN)
  await other.getByRole('button', { name: 'Continue' }).click()
  await other.locator('.link').getByText('Live').waitFor()
  await other.locator('.inbox .row').getByText('Ada').waitFor()
  assert.deepEqual(other.wrong, [])
  await other.close()
})

test('a page of another origin in the same browser can neither read nor do anything, nor frame the console', async () => {
  const open = await startEmulator()
  const evil = createServer((_, answer) =>
    answer.setHeader('content-type', 'text/html').end('<!doctype html><title>evil</title>'),
  )
  evil.listen(0, '127.0.0.1')
  await once(evil, 'listening')
  const page = await openPage(browser, `http://127.0.0.1:${evil.address().port}/`)
  const before = await open.control('GET', 'settings')

  const outcome = await page.evaluate(async (origin) => {
    const fetched = async (path, init) => {
      try {
        const answer = await fetch(origin + path, init)
        return answer.type === 'opaque' ? 'sent blind' : answer.status
      } catch {
        return 'refused'
      }
    }
    const form = (path, fields) => {
      const frame = document.createElement('iframe')
      frame.name = `f${Math.random()}`
      const form = document.createElement('form')
      Object.assign(form, { method: 'POST', action: origin + path, target: frame.name, enctype: 'text/plain' })
      const input = document.createElement('input')
      Object.assign(input, { name: fields, value: '' })
      form.append(input)
      document.body.append(frame, form)
      return new Promise((resolve) => {
        frame.onload = () => resolve()
        form.submit()
      })
    }
    const results = {
      state: await fetched('/_emulator/state'),
      live: await fetched('/_emulator/live'),
      reset: await fetched('/_emulator/reset', { method: 'POST' }),
      blind: await fetched('/_emulator/settings', { method: 'POST', mode: 'no-cors', body: '{"pings":"nothing"}' }),
      remove: await fetched('/_emulator/faults', { method: 'DELETE' }),
    }
    await form('/_emulator/settings', '{"pings":"nothing","x":"')
    await form('/_emulator/faults', '{"at":"auth","do":"refuse","x":"')
    const frame = document.createElement('iframe')
    frame.src = `${origin}/`
    document.body.append(frame)
    await new Promise((resolve) => {
      frame.onload = resolve
    })
    return { ...results, framed: frame.contentDocument !== null }
  }, open.origin)

  assert.deepEqual(outcome, {
    state: 'refused',
    live: 'refused',
    reset: 'refused',
    blind: 'sent blind',
    remove: 'refused',
    framed: false,
  })
  assert.deepEqual(await open.control('GET', 'settings'), before)
  assert.deepEqual((await open.control('GET', 'faults')).faults, [])
  await page.close()

  // A name that an attacker lets point to this computer.
  const rebound = await browser.newContext()
  const victim = await rebound.newPage()
  const port = new URL(open.origin).port
  const answer = await victim.request.get(`${open.origin}/_emulator/state`, {
    headers: { host: `evil.example:${port}` },
    failOnStatusCode: false,
  })
  assert.equal(answer.status(), 403)
  await rebound.close()
  evil.close()
  await open.stop()
})
