/** The core's log. */

import { calledFrom, guarded, misuse } from './failures.js'
import { native } from './native.js'
import { hostQueue, listen, tell } from './host-queue.js'

/** The severity of a line. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace'

/** A line of the log. It never holds an API key, a token or the text of a message. */
export interface LogRecord {
  readonly level: LogLevel
  /** The part of the library that writes it, such as `secondme_avatar::socket`. */
  readonly target: string
  /** The text, followed by its fields. */
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

/** A logger: a function, or an object with methods. The methods get `target: message`; `trace` lines go to `debug`. */
export type LoggerLike = Logger | LevelLogger

/** Options of {@link setLogger}. */
export interface LoggerOptions {
  /**
   * What is logged: a level such as `info`, or `warn,secondme_avatar::socket=trace`. `SECONDME_LOG` goes before it.
   * Default: `secondme_avatar=info`.
   */
  readonly filter?: string | undefined
}

let logger: Logger = toStderr
let isStarted = false

/**
 * Passes the library's log to a logger of the program's own; `undefined` removes the logger.
 *
 * Without a logger, the log goes to stderr as `SECONDME_LOG` filters it (`SECONDME_LOG=debug`). A process has one log:
 * the newest logger gets it, with its own filter, until it is removed or its worker thread ends. An exception that a
 * logger throws is uncaught.
 *
 * ```ts
 * setLogger(({ level, target, message }) => log[level]({ target }, message))
 * setLogger(console, { filter: 'debug' })
 * ```
 *
 * @throws {@link MisuseError} if `to` is not a logger, or the filter is not valid.
 */
export function setLogger(to: LoggerLike | undefined, options: LoggerOptions = {}): void {
  const site = calledFrom(setLogger)
  if (to === undefined) {
    logger = toStderr
    if (isStarted) hostQueue().collectLogs()
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
  const ticket = hostQueue().collectLogs(filter)
  if (isStarted) return
  isStarted = true
  listen(ticket, handOut)
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
  for (let lines = native().drainLogs(); lines.length > 0; lines = native().drainLogs()) {
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
