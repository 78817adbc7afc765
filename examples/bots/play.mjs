// Plays a scene with a bot, and prints what people see: node play.mjs PLATFORM [COMMAND …]
// With PICTURE=FILE it takes a picture of the fake's page with Chromium.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { answers, Stage } from './stage.mjs'

const [platform, ...command] = process.argv.slice(2)
const stage = await Stage.set(platform, command.length > 0 ? { command } : {})
const { emulator, fake } = stage
stage.startBot()
try {
  const answered = (name, count) =>
    stage.until(async () => {
      const chat = (await stage.chats()).find((one) => one.name === name)
      return chat !== undefined && answers(chat).length >= count
    })
  await stage.say('Grace', 'Hello, who are you?')
  await answered('Grace', 1)
  await stage.say('Alan', 'What are you working on?', { group: 'Computing' })
  await answered('Computing', 1)
  await stage.say('Grace', '', { attachments: [{ name: 'moth.png', type: 'image' }] })
  await answered('Grace', 2)
  const [{ sessionId }] = (await emulator.state()).sessions
  await emulator.owner.reply(sessionId, 'Grace, it is me. Shall we meet at four?')
  await answered('Grace', 3)
  await emulator.owner.handBack(sessionId)
  await stage.say('Grace', 'Gladly. What shall I bring?')
  await answered('Grace', 4)
  // The last answer is whole when nothing has come for a moment.
  let shown = ''
  await stage.until(async () => {
    const before = shown
    shown = JSON.stringify(await stage.chats())
    await new Promise((resolve) => setTimeout(resolve, 2500))
    return shown === before
  })

  for (const { name, messages } of await stage.chats()) {
    console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 60 - name.length))}`)
    for (const { name, author, text, edits, attachments } of messages) {
      // A card has a title of its own: the owner's name, where the owner speaks.
      const speaker = author && author !== name ? `${name} (${author})` : name
      const files = attachments.map((one) => ` [${one.name}]`).join('')
      const grown = edits.length > 0 ? `   (shown in ${edits.length + 1} steps)` : ''
      console.log(`${speaker}: ${text.replaceAll('\n', `\n${' '.repeat(speaker.length + 2)}`)}${files}${grown}`)
    }
  }
  if (process.env.PICTURE) await take(process.env.PICTURE, fake.url)
} finally {
  await stage.end()
}

async function take(file, url) {
  const chromium = process.env.CHROMIUM ?? 'chromium'
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--window-size=1000,720', '--virtual-time-budget=4000']
  const running = spawn(chromium, [...args, `--screenshot=${file}`, url], { stdio: 'ignore', timeout: 60_000 })
  await once(running, 'exit')
  if (!existsSync(file)) throw new Error(`${chromium} took no picture: CHROMIUM names the program`)
  console.log(`\na picture of the page: ${file}`)
}
