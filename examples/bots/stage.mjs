// What a bot needs to run here: the emulator for SecondMe, a fake for its platform, and the environment that names them.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmulator } from 'secondme-avatar/testing'

/** What each bot reads of its platform, in Node and in Python. */
const ENVIRONMENT = {
  slack: ({ token, appToken, apiUrl }) => ({
    SLACK_BOT_TOKEN: token,
    SLACK_APP_TOKEN: appToken,
    SLACK_API_URL: apiUrl,
  }),
  telegram: ({ token, apiUrl, username }) => ({
    TELEGRAM_BOT_TOKEN: token,
    TELEGRAM_API_BASE_URL: apiUrl,
    TELEGRAM_BOT_USERNAME: username,
  }),
  feishu: ({ appId, appSecret, domain }) => ({
    FEISHU_APP_ID: appId,
    FEISHU_APP_SECRET: appSecret,
    FEISHU_DOMAIN: domain,
  }),
  dingtalk: ({ clientId, clientSecret, endpoint, cardTemplateId }) => ({
    DINGTALK_CLIENT_ID: clientId,
    DINGTALK_CLIENT_SECRET: clientSecret,
    DINGTALK_OPENAPI_ENDPOINT: endpoint,
    DINGTALK_CARD_TEMPLATE_ID: cardTemplateId,
  }),
}

/** A service, a platform, and a bot between them that can be killed and started again. */
export class Stage {
  #folder = mkdtempSync(join(tmpdir(), 'avatar-bot-'))
  #command
  #env
  #bot
  /** What the bot has written on stderr and stdout. */
  log = ''

  constructor(platform, command, emulator, fake, env) {
    this.platform = platform
    this.#command = command
    this.#env = env
    this.emulator = emulator
    this.fake = fake
  }

  static async set(platform, { command, emulator = {}, env = {} } = {}) {
    const { start } = await import(`../platforms/${platform}.mjs`)
    const bot = fileURLToPath(new URL(`${platform}/bot.mjs`, import.meta.url))
    const service = await startEmulator({ brain: 'demo', ...emulator })
    const fake = await start({ port: 0, quiet: true })
    return new Stage(platform, command ?? [process.execPath, bot], service, fake, env)
  }

  startBot() {
    const { emulator, fake, platform } = this
    const [program, ...args] = this.#command
    const env = {
      ...process.env,
      ...ENVIRONMENT[platform](fake.bot),
      SECONDME_API_KEY: emulator.apiKey,
      SECONDME_BASE_URL: emulator.baseUrl,
      AVATAR_STORE: join(this.#folder, 'avatar.db'),
      OWNER_NAME: 'Ada Lovelace',
      NO_PROXY: '127.0.0.1',
      ...this.#env,
    }
    // One under `node --test` would take itself for a part of it.
    delete env.NODE_TEST_CONTEXT
    const bot = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [bot.stdout, bot.stderr]) stream.on('data', (text) => (this.log += text))
    this.#bot = bot
  }

  /** Ends the bot; without a signal's name at once, as a crash does. */
  async stopBot(signal = 'SIGKILL') {
    const bot = this.#bot
    if (bot === undefined || bot.exitCode !== null || bot.signalCode !== null) return
    const ended = once(bot, 'exit')
    bot.kill(signal)
    await ended
  }

  say(user, text, more = {}) {
    return this.fake.control('say', { user, text, ...more })
  }

  async chats() {
    return (await this.fake.control('chats')).chats
  }

  /** Looks again until it is so. */
  async until(isMet, patienceMs = 20_000) {
    for (const end = Date.now() + patienceMs; !(await isMet()); ) {
      if (Date.now() > end) throw new Error(`it never came to ${isMet}\n${this.log}`)
      if (this.#bot?.exitCode) throw new Error(`the bot has ended with ${this.#bot.exitCode}:\n${this.log}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async end() {
    await this.stopBot()
    await this.fake.stop()
    await this.emulator.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The bot's messages of a chat that are whole. */
export function answers({ messages }) {
  return messages.filter(({ bot, state }) => bot && state === 'done').map(({ text }) => text)
}
