// Lays the packed adapters of Chat SDK into an empty project, without a network, and has each answer a message on the fake
// of its platform, checked by TypeScript: `node tools/check-adapters.mjs DIST`.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const dist = resolve(process.argv[2])
const node = fileURLToPath(new URL('..', import.meta.url))
const tsc = createRequire(import.meta.url).resolve('typescript5/lib/tsc.js')

const OPTIONS = {
  feishu: ['createFeishuAdapter', '{ appId: bot.appId, appSecret: bot.appSecret, domain: bot.domain, logger }'],
  dingtalk: [
    'createDingTalkAdapter',
    '{ clientId: bot.clientId, clientSecret: bot.clientSecret, endpoint: bot.endpoint, logger }',
  ],
}

for (const [platform, [create, options]] of Object.entries(OPTIONS)) {
  const name = `secondme-chat-adapter-${platform}`
  const [tarball, ...more] = readdirSync(dist).filter((file) => file.startsWith(`${name}-`))
  if (tarball === undefined || more.length > 0) throw new Error(`there is not one ${name} in ${dist}`)
  const project = mkdtempSync(join(tmpdir(), `${name}-`))
  try {
    // What npm would install beside it, as the adapter's lock file has it.
    cpSync(join(node, `chat-adapter-${platform}`, 'node_modules'), join(project, 'node_modules'), { recursive: true })
    const own = join(project, 'node_modules', name)
    mkdirSync(own)
    execFileSync('tar', ['-xzf', join(dist, tarball), '-C', own, '--strip-components=1'])
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
    const program = `
      import { createMemoryState } from '@chat-adapter/state-memory'
      import { Chat, ConsoleLogger } from 'chat'
      import { ${create} } from '${name}'

      const bot: Record<string, string> = JSON.parse(process.argv[2] ?? '{}')
      const logger = new ConsoleLogger('error')
      const adapter = ${create}(${options})
      const adapters = { ${platform}: adapter }
      const chat = new Chat({ userName: 'bot', adapters, state: createMemoryState(), concurrency: 'concurrent', logger })
      chat.onDirectMessage(async (thread, message) => void (await thread.post(\`You said: \${message.text}\`)))
      await chat.initialize()
    `
    writeFileSync(join(project, 'bot.ts'), program)
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--types', 'node']
    const target = ['--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext']
    execFileSync(process.execPath, [tsc, ...strict, ...target, 'bot.ts'], { cwd: project, stdio: 'inherit' })
    await answers(platform, project)
    console.log(`${tarball}: answers`)
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
}

/** Says something to the program on the fake of its platform, and waits for the answer. */
async function answers(platform, project) {
  const { start } = await import(`../../examples/platforms/${platform}.mjs`)
  const { spawn } = await import('node:child_process')
  const fake = await start({ quiet: true })
  const program = spawn(process.execPath, ['bot.js', JSON.stringify(fake.bot)], {
    cwd: project,
    env: { ...process.env, NO_PROXY: '127.0.0.1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  try {
    const ended = new Promise((_, failed) => program.once('exit', (code) => failed(new Error(`it ended with ${code}`))))
    await fake.control('say', { user: 'Ada', text: 'hello' })
    await Promise.race([ended, fake.chats.until((text) => text === 'You said: hello')])
  } finally {
    program.removeAllListeners('exit')
    program.kill()
    await fake.stop()
  }
}
