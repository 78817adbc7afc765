// Firefox by puppeteer, WebKit by the protocol of its own driver, with the few steps that the scene needs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import puppeteer from 'puppeteer-core'

const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr'
const WEBKIT = process.env.WEBKIT ?? '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser'
const WEBKIT_DRIVER = process.env.WEBKIT_DRIVER ?? '/usr/bin/WebKitWebDriver'

/** Each starts a browser, and gives `version`, `page` and `end`. */
export const BROWSERS = { firefox, webkit }

async function firefox() {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: FIREFOX,
    headless: true,
    acceptInsecureCerts: true,
  })
  const page = await browser.newPage()
  return {
    version: await browser.version(),
    page: {
      goto: (url) => page.goto(url),
      reload: () => page.reload(),
      evaluate: (script, ...values) => page.evaluate(script, ...values),
      type: (text) => page.keyboard.type(text),
      press: (key) => page.keyboard.press(key),
    },
    end: () => browser.close(),
  }
}

/** The keys of the scene, as the protocol of drivers numbers them. */
const KEYS = { Enter: '\uE007', Escape: '\uE00C', Tab: '\uE004', F6: '\uE036' }

async function webkit() {
  const port = await freePort()
  const driver = spawn(WEBKIT_DRIVER, [`--port=${port}`], { stdio: 'inherit' })
  const call = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) })
    const { value } = await answer.json()
    if (!answer.ok) throw new Error(`${value.error}: ${value.message}`)
    return value
  }
  const options = { binary: WEBKIT, args: ['--automation'] }
  const wanted = { capabilities: { alwaysMatch: { acceptInsecureCerts: true, 'webkitgtk:browserOptions': options } } }
  const { sessionId, capabilities } = await untilThere(() => call('POST', '/session', wanted))
  const session = (method, path, body) => call(method, `/session/${sessionId}${path}`, body)
  const keys = (text) =>
    session('POST', '/actions', {
      actions: [
        {
          type: 'key',
          id: 'keys',
          actions: [...text].flatMap((value) => ['keyDown', 'keyUp'].map((type) => ({ type, value }))),
        },
      ],
    })
  return {
    version: `WebKitGTK ${capabilities.browserVersion}`,
    page: {
      goto: (url) => session('POST', '/url', { url }),
      reload: () => session('POST', '/refresh', {}),
      evaluate: (script, ...values) =>
        session('POST', '/execute/sync', { script: `return (${script})(...arguments)`, args: values }),
      type: keys,
      press: (key) => keys(KEYS[key]),
    },
    async end() {
      await session('DELETE', '')
      const over = once(driver, 'close')
      driver.kill()
      await over
    },
  }
}

/** The driver gives no sign when it listens. */
async function untilThere(work) {
  for (let left = 100; ; left -= 1) {
    try {
      return await work()
    } catch (error) {
      if (left === 0 || error.cause?.code !== 'ECONNREFUSED') throw error
      await pause(100)
    }
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}
