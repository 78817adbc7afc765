/** The core's log. */

import { native } from './native.js'
import { port, tell, whenLogged } from './port.js'

/** How bad it is. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace'

/** A line of the log. No API key, no token, and nothing that anybody says ever stands in one. */
export interface LogRecord {
  readonly level: LogLevel
  /** Who says it, such as `secondme_avatar::socket`. */
  readonly target: string
  /** What, with its fields behind it. */
  readonly message: string
}

/** Takes the lines of the log. */
export type Logger = (record: LogRecord) => void

/** Options of {@link setLogger}. */
export interface LoggerOptions {
  /**
   * What is logged, where `SECONDME_LOG` does not say it: `info`, or `warn,secondme_avatar::socket=trace`. The first
   * one in a process counts. `secondme_avatar=info`, if not said otherwise.
   */
  readonly filter?: string | undefined
}

let logger: Logger = toStderr
let isStarted = false

/**
 * Hands the core's log to a logger of the program's own, `pino` perhaps; `undefined` puts it back to stderr.
 *
 * Without this, what `SECONDME_LOG` lets through (`SECONDME_LOG=debug`) goes to stderr. A process has one log: with
 * worker threads, the thread that was first to want it gets it.
 *
 * ```ts
 * setLogger(({ level, target, message }) => log[level]({ target }, message))
 * ```
 */
export function setLogger(to: Logger | undefined, options: LoggerOptions = {}): void {
  logger = to ?? toStderr
  if (to !== undefined) start(options.filter ?? 'secondme_avatar=info')
}

/** @internal Logs to stderr if the environment says so. */
export function startLogging(): void {
  if (process.env.SECONDME_LOG) start('off')
}

function start(filter: string): void {
  if (isStarted) return
  isStarted = true
  whenLogged(handOut)
  port().collectLogs(filter)
  // The last lines are often those that say why a process ends.
  process.on('exit', handOut)
}

function handOut(): void {
  for (let lines = native().takeLogs(); lines.length > 0; lines = native().takeLogs()) {
    for (let at = 0; at < lines.length; at += 3) {
      tell(logger, {
        level: lines[at] as LogLevel,
        target: lines[at + 1] as string,
        message: lines[at + 2] as string,
      })
    }
  }
}

function toStderr({ level, target, message }: LogRecord): void {
  process.stderr.write(`${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${target}: ${message}\n`)
}
