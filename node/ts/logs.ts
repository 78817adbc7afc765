/** The core's log. */

import { calledFrom, guarded, misuse } from './failures.js'
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

/** A logger with a method for each level, as `console`, `pino` and `winston` have them. */
export interface LevelLogger {
  error(message: string): unknown
  warn(message: string): unknown
  info(message: string): unknown
  debug(message: string): unknown
}

/** What takes the log. One with methods is given `target: message`; what is finer than `debug` is `debug` to it. */
export type LoggerLike = Logger | LevelLogger

/** Options of {@link setLogger}. */
export interface LoggerOptions {
  /**
   * What is logged, where `SECONDME_LOG` does not say it: `info`, or `warn,secondme_avatar::socket=trace`.
   * `secondme_avatar=info`, if not said otherwise.
   */
  readonly filter?: string | undefined
}

let logger: Logger = toStderr
let isStarted = false

/**
 * Hands the core's log to a logger of the program's own; `undefined` takes it away again.
 *
 * Without this, what `SECONDME_LOG` lets through (`SECONDME_LOG=debug`) goes to stderr. A process has one log: the
 * newest logger gets it, with its own filter, until it is taken away or its worker thread ends. A logger must not throw:
 * an exception of its is uncaught.
 *
 * ```ts
 * setLogger(({ level, target, message }) => log[level]({ target }, message))
 * setLogger(console, { filter: 'debug' })
 * ```
 *
 * @throws {@link MisuseError} if it is no logger, or the filter is none.
 */
export function setLogger(to: LoggerLike | undefined, options: LoggerOptions = {}): void {
  const site = calledFrom(setLogger)
  if (to === undefined) {
    logger = toStderr
    if (isStarted) port().collectLogs()
    return
  }
  const wanted = loggerOf(to)
  if (wanted === undefined) throw misuse('a logger is a function, or has the methods error, warn, info and debug', site)
  guarded(() => start(options.filter ?? 'secondme_avatar=info'), site)
  logger = wanted
}

/** @internal Logs to stderr if the environment says so. */
export function startLogging(): void {
  if (process.env.SECONDME_LOG && !isStarted) start()
}

function start(filter?: string): void {
  port().collectLogs(filter)
  if (isStarted) return
  isStarted = true
  whenLogged(handOut)
  // The last lines are often those that say why a process ends.
  process.on('exit', handOut)
}

function loggerOf(to: LoggerLike): Logger | undefined {
  if (typeof to === 'function') return to
  const methods = ['error', 'warn', 'info', 'debug'] as const
  if (!methods.every((method) => typeof to?.[method] === 'function')) return undefined
  return ({ level, target, message }) => to[level === 'trace' ? 'debug' : level](`${target}: ${message}`)
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
