// The processes: emulator, Redis and the way to it, gateways, nginx.

import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** What callers have to show, as any gateway behind a proxy asks it. */
export const TOKEN = randomBytes(24).toString('hex')

/** A folder for what the processes write to standard error, if it is wanted. */
const { LOGS } = process.env

/** What a gateway that does not start is given before it is started again: Redis may be away. */
const STARTS_AGAIN = 500

export class Cluster {
  #avatar
  #folder = mkdtempSync(join(tmpdir(), 'avatar-cluster-'))
  #running = new Set()
  /** Processor time of gateways that are gone, in seconds. */
  #spent = 0
  #gateways = []
  #ends = false

  /** Starts all of it. `avatar`: the program. */
  static async start(avatar, plan) {
    const cluster = new Cluster(avatar)
    await cluster.#start(plan)
    return cluster
  }

  constructor(avatar) {
    this.#avatar = avatar
    process.on('exit', () => {
      for (const child of this.#running) child.kill('SIGKILL')
      rmSync(this.#folder, { recursive: true, force: true })
    })
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
  }

  async #start(plan) {
    const redisSocket = this.#in('redis.sock')
    const persistent = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec', '--dir', this.#folder]
    this.redis = this.#run('redis-server', [...persistent, '--port', '0', '--unixsocket', redisSocket])
    await says(this.redis, /eady to accept connections/)
    const through = plan.steps.some((step) => step.kill === 'way')
    if (through) await this.startWay()
    writeFileSync(this.#in('emulator.json'), JSON.stringify(plan.emulator))
    const options = ['--settings', this.#in('emulator.json'), '--seed', String(plan.seed)]
    if (plan.steps.length > 0) options.push('--journal', this.journal)
    this.service = this.#run(this.#avatar, ['emulator', '--json', '--port', '0', '--until-stdin-ends', ...options])
    this.emulator = JSON.parse(await says(this.service, /base_url/))
    this.store = `redis+unix://${through ? this.#in('way.sock') : redisSocket}?prefix=demo`
    for (let gateway = 0; gateway < plan.processes; gateway += 1) {
      this.#gateways.push({ port: await freePort() })
      await this.startGateway(gateway)
    }
    this.port = await freePort()
    writeFileSync(this.#in('nginx.conf'), this.#nginxConf(plan.balance))
    this.nginx = this.#run('nginx', ['-c', this.#in('nginx.conf'), '-p', this.#folder, '-e', 'stderr'])
    while (!(await fetch(`${this.address}/healthz`).catch(() => undefined))?.ok) await wait(20)
  }

  get address() {
    return `http://127.0.0.1:${this.port}`
  }

  /** The emulator's journal, where a plan has steps. */
  get journal() {
    return this.#in('journal.jsonl')
  }

  /** The gateways that run, by number. */
  get alive() {
    return [...this.#gateways.keys()].filter((number) => this.#gateways[number].child)
  }

  async startWay() {
    const script = fileURLToPath(new URL('way.mjs', import.meta.url))
    this.way = this.#run(process.execPath, [script, this.#in('way.sock'), this.#in('redis.sock')])
    await says(this.way, /ready/)
  }

  /** Starts a gateway, and starts it again until it is ready, as a supervisor does. */
  async startGateway(number) {
    const { port } = this.#gateways[number]
    const env = {
      SECONDME_BASE_URL: this.emulator.base_url,
      SECONDME_API_KEY: this.emulator.api_key,
      SECONDME_SERVE_STORE: this.store,
      SECONDME_SERVE_TOKEN: TOKEN,
    }
    while (!this.#ends) {
      const options = ['--json', '--until-stdin-ends', '--port', String(port), '--quota', '6000']
      const child = this.#run(this.#avatar, ['serve', ...options], env)
      const ready = await says(child, /base_url/).catch(() => undefined)
      if (ready) {
        this.#gateways[number].child = child
        return
      }
      await wait(STARTS_AGAIN)
    }
  }

  killGateway(number) {
    const gateway = this.#gateways[number]
    this.#spent += processorTime(gateway.child)
    gateway.child.kill('SIGKILL')
    gateway.child = undefined
  }

  signalGateway(number, signal) {
    this.#gateways[number].child.kill(signal)
  }

  /** Processor time in seconds so far, of the gateways together and of what they share. */
  processorTimes() {
    const gateways = this.alive.map((number) => processorTime(this.#gateways[number].child))
    return {
      gateways: gateways.reduce((sum, one) => sum + one, this.#spent),
      Redis: processorTime(this.redis),
      emulator: processorTime(this.service),
    }
  }

  /** What the emulator's control API answers. */
  async control(path, body) {
    const options = body && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }
    const answer = await fetch(`${this.emulator.control_url}/${path}`, options)
    if (!answer.ok) throw new Error(`the emulator refuses ${path}: ${await answer.text()}`)
    return answer.json()
  }

  /** A figure of Redis's own. */
  redisSays(name) {
    const info = execFileSync('redis-cli', ['-s', this.#in('redis.sock'), 'info', 'everything'], { encoding: 'utf8' })
    return Number(info.match(new RegExp(`^${name}:(?:calls=)?(\\d+)`, 'm'))?.[1] ?? 0)
  }

  /** Ends the emulator, so that its journal is whole. */
  async endService() {
    this.#ends = true
    const ended = once(this.service, 'exit')
    this.service.stdin.end()
    await ended
  }

  #in(name) {
    return join(this.#folder, name)
  }

  #run(command, args, env = {}) {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#running.add(child)
    child.log = ''
    child.stderr.on('data', (text) => {
      child.log = (child.log + text).slice(-20_000)
      if (LOGS) appendFileSync(join(LOGS, `${command.split('/').at(-1)}-${child.pid}.log`), text)
    })
    child.on('exit', () => this.#running.delete(child))
    child.on('error', ({ code }) => {
      console.error(`${command} cannot be started (${code}): apt-get install nginx redis-server`)
      process.exit(1)
    })
    return child
  }

  /** nginx as in nginx.conf, with the gateways named: in turn, or for each visitor the same. */
  #nginxConf(balance) {
    const servers = this.#gateways.map(({ port }) => `server 127.0.0.1:${port} max_fails=1 fail_timeout=5s;`)
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    return `
daemon off; worker_processes 1; pid ${this.#in('nginx.pid')}; error_log stderr;
events { worker_connections 4096; }
http {
  access_log off;
  ${folders.map((of) => `${of}_temp_path ${this.#in(of)};`).join(' ')}
  upstream gateways { ${balance === 'visitor' ? 'hash $http_x_avatar_visitor consistent;' : ''} ${servers.join(' ')} }
  server {
    listen 127.0.0.1:${this.port};
    location / {
      proxy_pass http://gateways; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 300s;
      proxy_connect_timeout 2s; proxy_next_upstream error; proxy_next_upstream_tries 3;
    }
  }
}`
  }
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

/** What a process has used of the processors, in seconds; 0 where the system does not say. */
function processorTime({ pid }) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    // utime and stime, in the hundredths of a second that Linux counts in.
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}
