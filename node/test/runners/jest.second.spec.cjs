// The log of a second file: jest gives each one the package anew, in a process that has loaded the addon already.

const { setLogger } = require('secondme-avatar')
const { startEmulator } = require('secondme-avatar/testing')

test('the log comes here, too', async () => {
  const lines = []
  const emulator = await startEmulator()
  setLogger((record) => lines.push(record), { filter: 'debug' })
  const client = emulator.client()
  await client.open({ platform: 'test', userId: 'ada' })
  await client.close()
  await emulator.stop()
  expect(lines.length).toBeGreaterThan(0)
})
