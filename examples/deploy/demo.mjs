// Three gateways behind nginx, one Redis, 200 people who ask: one gateway is killed, another one is frozen for 20 s.
// Then it is counted, at the emulator, what was said and answered, and how often. `make cluster-demo` runs it.
//
// VISITORS=200 QUESTIONS=16 AVATAR=target/debug/avatar node examples/deploy/demo.mjs

import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'

const VISITORS = Number(process.env.VISITORS ?? 200)
const QUESTIONS = Number(process.env.QUESTIONS ?? 16)
const AVATAR = process.env.AVATAR ?? 'target/debug/avatar'
/** Between an answer and the next question of a visitor, in milliseconds. */
const PAUSE = 3000
/** How long a client waits for an answer before it asks again, and how long it tries at all. */
const [PATIENCE, GIVES_UP] = [15_000, 120_000]

/** What callers have to show, as any gateway behind a proxy asks it. */
const TOKEN = randomBytes(24).toString('hex')

function fail(why) {
  console.error(why)
  process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), 'avatar-cluster-'))
const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

function run(command, args, env = {}) {
  const child = spawn(command, args, {
    cwd: process.cwd(),
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  running.add(child)
  child.log = ''
  child.stderr.on('data', (text) => (child.log = (child.log + text).slice(-20_000)))
  child.on('exit', () => running.delete(child))
  child.on('error', ({ code }) => fail(`${command} cannot be started (${code}): apt-get install nginx redis-server`))
  return child
}

/** The first line that says so; then the rest is read and dropped. */
async function says(child, what) {
  for await (const line of createInterface({ input: child.stdout })) {
    if (!what.test(line)) continue
    child.stdout.resume()
    return line
  }
  throw new Error(`${child.spawnfile} has ended: ${child.log}`)
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}

async function gateway(port, emulator, store) {
  const env = {
    SECONDME_BASE_URL: emulator.base_url,
    SECONDME_API_KEY: emulator.api_key,
    SECONDME_SERVE_STORE: store,
    SECONDME_SERVE_TOKEN: TOKEN,
  }
  const child = run(AVATAR, ['serve', '--json', '--until-stdin-ends', '--port', String(port), '--quota', '6000'], env)
  await says(child, /base_url/)
  return child
}

/** nginx as in nginx.conf, with the gateways named. */
function nginxConf(port, ports) {
  const servers = ports.map((one) => `server 127.0.0.1:${one} max_fails=1 fail_timeout=5s;`).join(' ')
  return `
daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;
events { worker_connections 2048; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${folder}/${of};`).join(' ')}
  upstream gateways { ${servers} }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://gateways; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_connect_timeout 2s; proxy_next_upstream error; proxy_next_upstream_tries 3;
    }
  }
}`
}

const waits = []
const askedAgain = new Map()

/** Asks until there is an answer, each time under the question's own key. */
async function ask(port, user, text) {
  const [started, body] = [
    Date.now(),
    JSON.stringify({ model: 'avatar', user, messages: [{ role: 'user', content: text }] }),
  ]
  for (let again = 0; ; again += 1) {
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      'idempotency-key': text,
    }
    try {
      const signal = AbortSignal.timeout(PATIENCE)
      const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: 'POST',
        headers,
        body,
        signal,
      })
      const said = await answer.json()
      if ([400, 401, 403, 404].includes(answer.status)) fail(`the gateway refuses: ${said.error?.message}`)
      if (answer.ok) {
        waits.push({ at: started, took: Date.now() - started, again })
        return said.choices[0].message.content
      }
    } catch {
      // Cut off, or too late: it is asked again.
    }
    if (Date.now() - started > GIVES_UP) return undefined
    askedAgain.set(text, again + 1)
    await wait(300 + Math.random() * 400)
  }
}

async function visitor(port, number) {
  await wait(Math.random() * PAUSE)
  const answers = []
  for (let question = 1; question <= QUESTIONS; question += 1) {
    const text = `v${number} q${question}`
    answers.push({ text, answer: await ask(port, `visitor-${number}`, text) })
    await wait(PAUSE / 2 + Math.random() * PAUSE)
  }
  return answers
}

/** A figure of Redis's own. */
function redisSays(name) {
  const info = execFileSync('redis-cli', ['-s', redisSocket, 'info'], { encoding: 'utf8' })
  return Number(info.match(new RegExp(`^${name}:(\\d+)`, 'm'))[1])
}

const percentile = (sorted, of) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * of))] ?? 0
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`

const redisSocket = join(folder, 'redis.sock')
const redis = run('redis-server', [
  '--save',
  '',
  '--appendonly',
  'yes',
  '--port',
  '0',
  '--unixsocket',
  redisSocket,
  '--dir',
  folder,
])
await says(redis, /eady to accept connections/)
const settings = join(folder, 'emulator.toml')
writeFileSync(settings, 'quota-per-minute = 6000\nreply-delay = "300ms"\n')
const service = run(AVATAR, ['emulator', '--json', '--port', '0', '--until-stdin-ends', '--settings', settings])
const emulator = JSON.parse(await says(service, /base_url/))
const store = `redis+unix://${redisSocket}?prefix=demo`
const ports = [await freePort(), await freePort(), await freePort()]
const gateways = []
for (const port of ports) gateways.push(await gateway(port, emulator, store))
const front = await freePort()
writeFileSync(join(folder, 'nginx.conf'), nginxConf(front, ports))
const nginx = run('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder, '-e', 'stderr'])
while (!(await fetch(`http://127.0.0.1:${front}/healthz`).catch(() => undefined))?.ok) await wait(20)

const [memory, commands] = ['used_memory', 'total_commands_processed'].map(redisSays)
const began = Date.now()
const told = (text) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`)
told(`${VISITORS} visitors, ${QUESTIONS} questions each; 3 gateways behind nginx, one Redis`)
const asking = Promise.all(Array.from({ length: VISITORS }, (_, number) => visitor(front, number)))

await wait(6000)
gateways[0].kill('SIGKILL')
const killedAt = Date.now()
told('gateway 1 is killed (-9)')
await wait(3000)
gateways[0] = await gateway(ports[0], emulator, store)
told('gateway 1 is started again')
await wait(15_000)
gateways[1].kill('SIGSTOP')
const frozenAt = Date.now()
told('gateway 2 is frozen (SIGSTOP)')
await wait(20_000)
gateways[1].kill('SIGCONT')
told('gateway 2 goes on (SIGCONT)')

const answers = (await asking).flat()
told('all have their answers, or have given up')

// What the service has got, and in which order.
const state = await (await fetch(`${emulator.control_url}/state`)).json()
const heard = new Map()
let outOfOrder = 0
for (const session of state.sessions) {
  let last = 0
  for (const { text } of session.messages.filter((message) => /^v\d+ q\d+$/.test(message.text))) {
    heard.set(text, (heard.get(text) ?? 0) + 1)
    const question = Number(text.split('q')[1])
    if (question < last && !askedAgain.has(text)) outOfOrder += 1
    last = Math.max(last, question)
  }
}
const answered = answers.filter(({ text, answer }) => answer?.includes(`You said: ${text}`)).length
const lost = answers.filter(({ text }) => !heard.has(text)).length
const twice = [...heard].filter(([, times]) => times > 1).map(([text]) => text)
const took = (some) => {
  const sorted = some.map((one) => one.took).sort((a, b) => a - b)
  return `median ${seconds(percentile(sorted, 0.5))}, 95 % ${seconds(percentile(sorted, 0.95))}, longest ${seconds(sorted.at(-1) ?? 0)}`
}
const between = (from, to) => waits.filter(({ at, took }) => at + took >= from && at <= to)
const quiet = waits.filter(({ at, took }) => at + took < killedAt)
console.log(`
  asked                 ${answers.length}
  reached the avatar    ${heard.size}
  lost                  ${lost}
  said twice            ${twice.length}
  out of order          ${outOfOrder}
  answered              ${answered}
  asked again           ${askedAgain.size} questions (a client does so after ${PATIENCE / 1000} s, or when it is cut off)
  sessions              ${state.sessions.length}, of ${VISITORS} visitors
  answers before        ${took(quiet)}
  at the kill           ${took(between(killedAt, killedAt + 15_000))}
  while one was frozen  ${took(between(frozenAt, frozenAt + 20_000))}
  Redis                 ${((redisSays('used_memory') - memory) / VISITORS / 1024).toFixed(1)} KiB a visitor, \
${((redisSays('total_commands_processed') - commands) / answers.length).toFixed(0)} commands a question`)
service.stdin.end()
for (const one of [...gateways, nginx, redis]) one.kill('SIGTERM')
process.exit(lost + twice.length + answers.length - answered > 0 ? 1 : 0)
