// What a test looks like with jest.

const { RateLimitedError, setLogger } = require('secondme-avatar')
const { startEmulator } = require('secondme-avatar/testing')

let emulator
let client
let lines = 0

beforeAll(async () => {
  emulator = await startEmulator()
  setLogger(() => (lines += 1), { filter: 'debug' })
  client = emulator.client({ openDeadlineMs: 100 })
})
afterAll(async () => {
  await client.close()
  await emulator.stop()
})

test('the avatar answers', async () => {
  const chat = await client.open({ platform: 'test', userId: 'ada' }, { deadlineMs: 10_000 })
  await expect(chat.ask('Hello')).resolves.toMatchObject({ author: 'avatar', text: 'You said: Hello' })
})

test('the log comes here', () => {
  expect(lines).toBeGreaterThan(0)
})

test('a refusal is an error of its class', async () => {
  await emulator.fault({ at: 'auth', do: 'quota' })
  const opening = client.open({ platform: 'test', userId: 'bob' })
  await expect(opening).rejects.toThrow(RateLimitedError)
  await expect(opening).rejects.toBeInstanceOf(Error)
})
