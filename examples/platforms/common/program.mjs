import { parseArgs } from 'node:util'
import { pathToFileURL } from 'node:url'

const HELP = `options:
  --port N            the port, 0 (the default) for one that is free
  --webhook URL       where events go while the bot has no connection open
  --quiet             only the first line, not what users see
  --until-stdin-ends  ends when standard input does`

/** Runs a platform where `module` is the program itself: one line of JSON, then what users see. */
export async function program(module, start) {
  if (!process.argv[1] || pathToFileURL(process.argv[1]).href !== module) return
  let options
  try {
    options = parseArgs({
      options: {
        port: { type: 'string', default: '0' },
        webhook: { type: 'string' },
        quiet: { type: 'boolean', default: false },
        'until-stdin-ends': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
    if (!/^\d{1,5}$/.test(options.port)) throw new Error('--port takes a number')
  } catch (error) {
    console.error(`${error.message}\n${HELP}`)
    process.exit(2)
  }
  if (options.help) return console.log(HELP)
  const platform = await start({ port: Number(options.port), webhook: options.webhook, quiet: options.quiet })
  console.log(JSON.stringify({ platform: platform.name, url: platform.url, bot: platform.bot }))
  const end = () => platform.stop().then(() => process.exit(0))
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, end)
  if (options['until-stdin-ends']) process.stdin.on('end', end).resume()
}
