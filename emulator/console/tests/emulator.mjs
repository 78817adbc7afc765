// The real emulator.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const PROGRAM = process.env.SECONDME_AVATAR_EMULATOR ?? 'target/debug/secondme-avatar-emulator'

/** Starts an emulator; it ends with this process. */
export async function startEmulator(...options) {
  const program = spawn(PROGRAM, ['--json', '--until-stdin-ends', ...options], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exit = once(program, 'exit')
  const [line] = await once(createInterface(program.stdout), 'line')
  const told = JSON.parse(line)
  const origin = new URL(told.base_url).origin
  const control = async (method, path, body, headers = {}) => {
    const answer = await fetch(`${origin}/_emulator/${path}`, { method, headers, body: body && JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
    return answer.json()
  }
  return {
    ...told,
    origin,
    control,
    async stop() {
      program.stdin.end()
      await exit
    },
    kill: async () => {
      program.kill('SIGKILL')
      await exit
    },
  }
}
