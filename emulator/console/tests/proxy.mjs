// Stands between a page and the emulator, and breaks off the page's feed.
import { once } from 'node:events'
import { createServer, request } from 'node:http'

export async function startProxy(emulator) {
  const feeds = new Set()
  let isCut = false
  const server = createServer((asked, answer) => {
    const { method, headers, url } = asked
    const isFeed = url.startsWith('/_emulator/live')
    if (isFeed && isCut) return answer.destroy()
    const forwarded = request(`${emulator.origin}${url}`, { method, headers }, (given) => {
      answer.writeHead(given.statusCode, given.headers)
      given.pipe(answer)
    })
    if (isFeed) feeds.add(answer)
    answer.on('close', () => {
      feeds.delete(answer)
      forwarded.destroy()
    })
    forwarded.on('error', () => answer.destroy())
    asked.pipe(forwarded)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    /** The page's feed breaks off, and does not come back until it is mended. */
    cut() {
      isCut = true
      for (const answer of feeds) answer.destroy()
    },
    mend() {
      isCut = false
    },
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
