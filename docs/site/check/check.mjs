// Looks at the built site in Chromium, at the width of a phone and of a desk, light and dark: nothing is wider than the
// window, nothing fails, the search finds what is there in English and Chinese, tabs change together, and axe has nothing
// to say of the main pages. PICTURES names a folder for what it looked like.

import assert from 'node:assert/strict'
import { createReadStream, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { extname, join, resolve } from 'node:path'

const require = createRequire(import.meta.url)
const { chromium } = require('playwright-core')
const axe = require.resolve('axe-core/axe.min.js')

const site = resolve(process.argv[2] ?? 'dist/docs')
const pictures = process.env.PICTURES && resolve(process.env.PICTURES)
const MAIN = ['index', 'getting-started', 'python', 'events', 'errors', 'performance', 'api', 'search']
const WIDTHS = [360, 390, 1440]
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}
// A word, and a page that it has to lead to.
const WORDS = [
  ['takeover', 'events.html'],
  ['idle_after', 'names.html'],
  ['张三', 'overview.html'],
  ['三', 'overview.html'],
]

const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url, 'http://site').pathname)
  const asked = resolve(join(site, path))
  const file = existsSync(asked) && statSync(asked).isDirectory() ? join(asked, 'index.html') : asked
  // A browser asks for it by itself where a page names none, as javadoc's do.
  if (request.url === '/favicon.ico') return response.writeHead(204).end()
  if (!file.startsWith(site) || !existsSync(file)) return response.writeHead(404).end()
  response.writeHead(200, { 'content-type': `${TYPES[extname(file)] ?? 'text/plain'}; charset=utf-8` })
  createReadStream(file).pipe(response)
})
await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
const address = `http://127.0.0.1:${server.address().port}`

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
const wrong = []
const failed = (what) => {
  wrong.push(what)
  console.error(what)
}

/** A page of the browser that reports what fails in it. */
async function open(colorScheme) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, colorScheme })
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error') failed(`${page.url()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => failed(`${page.url()}: ${error.message}`))
  page.on('response', (response) => {
    if (response.status() >= 400) failed(`${page.url()}: ${response.status()} ${response.url()}`)
  })
  return page
}

function everyPage(folder = site, prefix = '') {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = `${prefix}${entry.name}`
    if (entry.isDirectory())
      return ['api', '_static'].includes(name) ? [] : everyPage(join(folder, entry.name), `${name}/`)
    return name.endsWith('.html') ? [name.replace(/\.html$/, '')] : []
  })
}

const pages = everyPage()
assert.ok(pages.length > 60, `${pages.length} pages`)

// Every page at each width; the main ones are looked at by axe, at a phone's width and a desk's.
for (const colour of ['light', 'dark']) {
  const page = await open(colour)
  for (const name of colour === 'light' ? pages : MAIN) {
    await page.goto(`${address}/${name}.html`)
    // The pages of files are all alike.
    for (const width of name.startsWith('source/') ? WIDTHS.slice(0, 1) : WIDTHS) {
      await page.setViewportSize({ width, height: width < 800 ? 800 : 1000 })
      const wider = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      )
      if (wider > 0) failed(`${name} at ${width}: ${wider} px wider than the window`)
      if (MAIN.includes(name) && width !== 390) await look(page, name, width, colour)
    }
  }
  await page.context().close()
}

async function look(page, name, width, colour) {
  if (pictures) {
    mkdirSync(pictures, { recursive: true })
    await page.screenshot({ path: join(pictures, `${name.replaceAll('/', '-')}-${width}-${colour}.png`) })
  }
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.addScriptTag({ path: axe })
  const { violations } = await page.evaluate(() => globalThis.axe.run())
  for (const { id, help, nodes } of violations) {
    const where = nodes
      .slice(0, 4)
      .map(({ target, failureSummary }) => `${target} ${failureSummary?.split('\n')[1] ?? ''}`)
    failed(`${name} at ${width}, ${colour}: ${id}: ${help}\n  ${where.join('\n  ')}`)
  }
}

{
  const page = await open('light')
  for (const [word, leads] of WORDS) {
    await page.goto(`${address}/index.html`)
    await page.getByRole('searchbox').or(page.locator('.sidebar-search')).first().fill(word)
    await page.keyboard.press('Enter')
    await page.waitForSelector('#search-results ul.search li a')
    await page.waitForFunction(() =>
      /found|match/i.test(document.querySelector('#search-results p.search-summary')?.textContent ?? ''),
    )
    const found = await page.$$eval('#search-results ul.search li > a', (links) =>
      links.map((link) => link.getAttribute('href')),
    )
    if (!found.some((link) => link.split(/[?#]/)[0] === leads))
      failed(`the search for ${word} finds ${found.slice(0, 5)}, and not ${leads}`)
  }
  await page.goto(`${address}/getting-started.html`)
  await page.locator('label[data-sync-id=swift]').first().click()
  const shown = await page.$$eval('.sd-tab-set', (sets) =>
    sets.map((set) =>
      [...set.querySelectorAll(':scope > input')].find((input) => input.checked)?.nextElementSibling.textContent.trim(),
    ),
  )
  if (shown.some((label) => label !== 'Swift')) failed(`tabs that do not change together: ${shown}`)
  await page.context().close()
}

// The references fill themselves in the browser.
for (const [entry, word] of [
  ['api/swift/documentation/secondmeavatar/', 'AvatarClient'],
  ['api/kotlin/index.html', 'AvatarClient'],
  ['api/java/index.html', 'AvatarClient'],
]) {
  if (!existsSync(join(site, entry))) continue
  const page = await open('light')
  await page.goto(`${address}/${entry}`)
  await page
    .waitForFunction((word) => document.body.textContent.includes(word), word)
    .catch(() => failed(`${entry} does not say ${word}`))
  await page.context().close()
}

await browser.close()
server.close()
if (wrong.length) {
  console.error(`${wrong.length} faults`)
  process.exit(1)
}
console.log(
  `${pages.length} pages at ${WIDTHS.join(', ')} px: no page is wider than its window, no error; axe on ${MAIN.length}, light and dark`,
)
