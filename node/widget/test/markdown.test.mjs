import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JSDOM } from 'jsdom'

const { window } = new JSDOM('', { url: 'https://shop.example/' })
Object.assign(globalThis, { window, document: window.document, Element: window.Element })
const { fragmentOf } = await import('../lib/markdown.js')
const { GrowingMarkdown } = await import('../lib/growing-markdown.js')
const { linkified, safeUrl } = await import('../lib/links.js')

const REL = 'noopener noreferrer nofollow'

function htmlOf(markdown) {
  const element = document.createElement('div')
  element.append(fragmentOf(markdown))
  return element
}

test('markdown is shown as what it stands for', () => {
  const element = htmlOf(
    '# Teas\n\n**Green** and *black*\n\n1. one\n2. two\n\n```js\na < b\n```\n\n| a | b |\n| - | -: |\n| 1 | 2 |',
  )
  assert.equal(element.querySelector('p b').textContent, 'Teas')
  assert.equal(element.querySelector('strong').textContent, 'Green')
  assert.equal(element.querySelectorAll('ol li').length, 2)
  assert.equal(element.querySelector('pre code').textContent, 'a < b\n')
  assert.equal(element.querySelector('.table table td').textContent, '1')
  assert.equal(element.querySelectorAll('h1, h2, h3, input').length, 0)
})

const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '<script>alert(1)</script>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<a href="javascript:alert(1)">x</a>',
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert(1))',
  '[x](java&#10;script:alert(1))',
  '[x](&#106;avascript:alert(1))',
  '[x](data:text/html;base64,PHNjcmlwdD4=)',
  '[x](vbscript:x)',
  '[x](blob:https://shop.example/1)',
  '[x](/relative)',
  '[x](//evil.example)',
  '![x](javascript:alert(1))',
  '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
  '<form action="https://evil.example"><button>Log in</button></form>',
  '<style>*{display:none}</style>',
  '<div style="position:fixed;inset:0" id="panel" class="trouble">x</div>',
  '[x]("onmouseover=alert(1) ")',
  '[x](https://a.example/"onmouseover="alert(1))',
  '`<img src=x onerror=alert(1)>`',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
]
const TAGS = 'p br hr a b strong em del code pre blockquote ul ol li table thead tbody tr th td div'.split(' ')

test('nothing of a reply becomes anything but harmless text and links', () => {
  for (const markdown of HOSTILE) {
    const element = htmlOf(markdown)
    for (const node of element.querySelectorAll('*')) {
      assert.ok(TAGS.includes(node.localName), `${markdown}: ${node.outerHTML}`)
      for (const { name, value } of node.attributes) {
        assert.ok(
          ['href', 'title', 'start', 'align', 'target', 'rel', 'class', 'tabindex'].includes(name),
          `${markdown}: ${name}`,
        )
        if (name === 'href') assert.match(value, /^(https?|mailto):/, markdown)
        if (name === 'class') assert.equal(value, 'table')
      }
    }
  }
})

test('the text of what looks like HTML can be read', () => {
  assert.equal(htmlOf('<b>bold</b> & <script>x</script>').textContent.trim(), '<b>bold</b> & <script>x</script>')
})

test('a link leads away without a trace, and an image is a link that nothing is fetched for', () => {
  const link = htmlOf('[page](https://a.example/?a=1&b=2 "Title")').querySelector('a')
  assert.deepEqual(
    [link.getAttribute('href'), link.title, link.target, link.rel],
    ['https://a.example/?a=1&b=2', 'Title', '_blank', REL],
  )
  const image = htmlOf('![A photo](https://a.example/x.png)')
  assert.equal(image.querySelector('img'), null)
  assert.equal(image.querySelector('a').href, 'https://a.example/x.png')
  assert.match(image.textContent, /A photo/)
  assert.equal(htmlOf('ada@example.com').querySelector('a').href, 'mailto:ada@example.com')
})

const GROWING = [
  '# Title\n\nA paragraph with **bold',
  '** text and a\nline.\n\n- one\n- two\n\n  more of two\n\n- three\n\n',
  'Setext\n---\n\n```\ncode\n\n\nmore\n```\n\n> quote\n> more\n\n| a | b |\n| - | - |\n| 1 |',
  ' 2 |\n\n1. x\n   - y\n\n\r\nLast, see [ref].\n\n[ref]: https://a.example/\n',
].join('')

test('a text that grows piece by piece ends as the whole text does', () => {
  const whole = htmlOf(GROWING).innerHTML
  for (const size of [1, 3, 7, 50, 1000]) {
    const element = document.createElement('div')
    const growing = new GrowingMarkdown(element)
    for (let end = size; end < GROWING.length + size; end += size) growing.show(GROWING.slice(0, end), false)
    growing.show(GROWING, true)
    assert.equal(element.innerHTML, whole, `pieces of ${size}`)
  }
})

test('blocks that are finished keep their nodes while the text grows', () => {
  const element = document.createElement('div')
  const growing = new GrowingMarkdown(element)
  growing.show('first\n\nsecond\n\nthi', false)
  const [first, second] = element.querySelectorAll('p')
  growing.show('first\n\nsecond\n\nthird **and** more\n\nfourth', false)
  growing.show('first\n\nsecond\n\nthird **and** more\n\nfourth', true)
  assert.equal(element.querySelectorAll('p')[0], first)
  assert.equal(element.querySelectorAll('p')[1], second)
  assert.equal(element.querySelectorAll('p').length, 4)
})

const numbers = Array.from({ length: 120 }, (_, n) => n)
const AFTER = '\n\nAnd **then** it goes on.'
/** Blocks that are long, each with something behind it. */
const LONG = {
  'a list': `Before:\n\n${numbers.map((n) => `- item **${n}**\n`).join('')}${AFTER}`,
  'a list with lists in it': `${numbers.map((n) => `${n + 1}. item\n   - of ${n}\n\n`).join('')}${AFTER}`,
  'a list with room between its last items': `${numbers.map((n) => (n < 110 ? `- ${n}\n` : `- ${n}\n\n`)).join('')}${AFTER}`,
  'a list behind a list': `${numbers.map((n) => `- ${n}\n`).join('')}\n1. other\n2. list${AFTER}`,
  'a table': `| a | b |\n| --- | :-: |\n${numbers.map((n) => `| *${n}* | x \\| y |\n`).join('')}${AFTER}`,
  'a block of code': `\`\`\`js\n${numbers.map((n) => `const x${n} = <b>\n\n`).join('')}\`\`\`${AFTER}`,
  'a block of code within tildes': `~~~~\n${numbers.map((n) => `~~~ ${n} \`\`\`\n`).join('')}~~~~${AFTER}`,
  'code without an end': `\`\`\`\n${numbers.map((n) => `line of code ${n}\n`).join('')}`,
  'a paragraph': `${numbers.map((n) => `word *${n}* `).join('')}${AFTER}`,
}

for (const [name, text] of Object.entries(LONG))
  test(`a long block that grows ends as the whole text does: ${name}`, () => {
    for (const size of [17, 113]) {
      const element = document.createElement('div')
      const growing = new GrowingMarkdown(element)
      for (let end = size; end < text.length + size; end += size) growing.show(text.slice(0, end), false)
      growing.show(text, true)
      assert.equal(element.innerHTML, htmlOf(text).innerHTML, `pieces of ${size}`)
    }
  })

for (const name of ['a list', 'code without an end', 'a block of code'])
  test(`what is shown anew with a piece does not grow with the text: ${name}`, () => {
    const element = document.createElement('div')
    const growing = new GrowingMarkdown(element)
    const text = LONG[name].slice(0, -AFTER.length)
    const observer = new window.MutationObserver(() => {})
    observer.observe(element, { childList: true, subtree: true })
    const counts = []
    // A block becomes a long one once, and is shown whole then.
    for (let end = 10; end < text.length; end += 10) {
      growing.show(text.slice(0, end), false)
      const records = observer.takeRecords()
      if (end < 1100) continue
      const added = records.flatMap(({ addedNodes }) => [...addedNodes])
      counts.push(added.reduce((sum, node) => sum + 1 + (node.querySelectorAll?.('*').length ?? 0), 0))
    }
    assert.ok(counts.length > 20)
    assert.ok(Math.max(...counts) < 20, `${Math.max(...counts)} nodes at once`)
  })

test("what seems to stand below a long list until it is the list's next item does not stay there", () => {
  const element = document.createElement('div')
  const growing = new GrowingMarkdown(element)
  const list = numbers.map((n) => `${n + 1}. item **${n}**\n`).join('\n')
  growing.show(`${list}\n121`, false)
  growing.show(`${list}\n121. the last`, false)
  assert.equal(element.children.length, 1)
  assert.equal(element.querySelectorAll('li').length, 121)
})

test('a text that begins anew takes the place of the old one', () => {
  const element = document.createElement('div')
  const growing = new GrowingMarkdown(element)
  growing.show('first\n\nsecond', false)
  growing.show('', false)
  growing.show('other', true)
  assert.equal(element.textContent.trim(), 'other')
})

test('what people write is shown as they wrote it, with its web addresses as links', () => {
  const element = document.createElement('div')
  element.append(linkified('2*3*4 <b> see https://a.example/x?y=(1), (https://b.example) and javascript:alert(1)。'))
  assert.equal(
    element.textContent,
    '2*3*4 <b> see https://a.example/x?y=(1), (https://b.example) and javascript:alert(1)。',
  )
  assert.deepEqual(
    [...element.querySelectorAll('a')].map(({ href, rel }) => [href, rel]),
    [
      ['https://a.example/x?y=(1)', REL],
      ['https://b.example/', REL],
    ],
  )
})

test('only web and mail addresses are addresses', () => {
  assert.equal(safeUrl('https://a.example'), 'https://a.example/')
  assert.equal(safeUrl('mailto:a@b.example'), 'mailto:a@b.example')
  for (const address of [
    'javascript:alert(1)',
    ' javascript:x',
    'java\nscript:x',
    'data:,x',
    'file:///etc',
    '/x',
    '',
    null,
  ])
    assert.equal(safeUrl(address), undefined)
})
