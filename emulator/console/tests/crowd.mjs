// Many visitors at once, as bots bring them: the steps of the vendor's page, and for some of them a socket.
import { get } from 'node:http'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'

const AT_A_TIME = 25
const HEARTBEAT = 15_000

/** As many conversations, the first `live` of them with a socket; their session ids, and how to end the sockets. */
export async function crowd(emulator, count, live = 0) {
  await emulator.control('POST', 'settings', { 'quota-per-minute': 1_000_000 })
  const sessions = []
  const sockets = []
  const one = async (n) => {
    const { sessionId, socket } = await conversation(emulator, {
      name: `Visitor ${n}`,
      channel: 'load',
      socket: n < live,
    })
    sessions[n] = sessionId
    if (socket) sockets.push(socket)
  }
  for (let n = 0; n < count; n += AT_A_TIME) {
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count - n) }, (_, offset) => one(n + offset)))
  }
  const end = () => {
    for (const socket of sockets) socket.destroy()
  }
  return { sessions, end }
}

/** One conversation, by the steps of the vendor's page. */
export async function conversation(emulator, { name, channel, socket: isLive = false }) {
  const visitorId = `${channel}_${randomUUID()}`
  const step = (path, body, headers) => call(emulator.base_url + path, body, headers)
  const key = { authorization: `Bearer ${emulator.api_key}` }
  const auth = await step('/rest/open/avatar/auth', { visitorId, visitorName: name, channel }, key)
  const headers = { token: auth.visitorToken, fp: visitorId }
  const { mindId } = await step('/rest/os/avatar/chat/init', { shareCode: auth.avatarShareCode }, headers)
  const fixed = `"mindType":"shadow","mode":"PERSONAL","sessionType":"SHARE","memberUserIds":["${auth.ownerUserId}"]`
  const { sessionId } = await step('/rest/general/session/create', `{"mindId":${auth.visitorMindId},${fixed}}`, headers)
  await step('/rest/os/avatar/chat/start', { avatarId: 67, sessionId }, headers)
  if (!isLive) return { sessionId }
  const userId = auth.visitorUserId
  const { wsId, address } = await step(
    '/rest/general/ws/create',
    { userId, channel: ['ALL'], apiVersion: '1.3.0', sdkVersion: '1.0.0' },
    headers,
  )
  const socket = await connect(address, wsId)
  const say = (content, id = `${Math.floor(Math.random() * 1e6)}_____${Date.now()}`) => {
    const timestamp = Date.now()
    const ids = { seqId: id, messageId: id, sessionId, userId, sendUserId: userId, mindId, wsId }
    const rest = { timestamp, index: 0, dataType: 'text', sender: 'client', type: 'msg', data: { content } }
    return step('/rest/general/message/send', { ...ids, ...rest }, headers)
  }
  return { sessionId, socket, say }
}

async function call(url, body, headers) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const { code, data, ...rest } = await answer.json()
  if (code !== 0) throw new Error(`${url}: ${code} ${JSON.stringify(rest)}`)
  return data ?? {}
}

/** A socket that pings, and takes what comes. */
async function connect(address, wsId) {
  const request = get(address.replace('ws://', 'http://'), {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'c2Vjb25kLW1lLWF2YXRhcg==',
    },
  })
  const [, socket] = await once(request, 'upgrade')
  const ping = Buffer.from(JSON.stringify({ type: 'ping', wsId }))
  // A text frame of less than 126 bytes, masked with zeros.
  const frame = Buffer.concat([Buffer.from([0x81, 0x80 | ping.length, 0, 0, 0, 0]), ping])
  const heartbeat = setInterval(() => socket.write(frame), HEARTBEAT)
  socket
    .on('error', () => {})
    .on('close', () => clearInterval(heartbeat))
    .resume()
  return socket
}
