// The way to Redis: a process that passes bytes on, so that it can be killed while Redis runs on.
//
// node way.mjs SOCKET-TO-LISTEN-ON SOCKET-OF-REDIS

import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'

const [listens, redis] = process.argv.slice(2)
// A process that was killed has left it.
rmSync(listens, { force: true })
createServer((from) => {
  const to = connect(redis)
  from.pipe(to).pipe(from)
  for (const [one, other] of [
    [from, to],
    [to, from],
  ])
    one.on('error', () => other.destroy()).on('close', () => other.destroy())
}).listen(listens, () => console.log('ready'))
process.stdin.on('end', () => process.exit()).resume()
