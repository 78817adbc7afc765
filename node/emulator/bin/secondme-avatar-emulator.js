#!/usr/bin/env node

const { spawn } = require('node:child_process')

const { binaryPath } = require('../index.js')

const emulator = spawn(binaryPath(), process.argv.slice(2), { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => emulator.kill(signal))
emulator.on('error', (error) => {
  console.error(`the emulator could not be started: ${error.message}`)
  process.exitCode = 2
})
emulator.on('exit', (code, signal) => {
  if (signal !== null) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  } else process.exitCode = code
})
