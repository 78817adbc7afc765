/** What of a call of the AI SDK goes out, what is left out with a warning, and what is refused. */

import { failed, misuse, type Site } from '../failures.js'
import type { AvatarError } from '../avatar-error.js'
import type { ModelCall, ModelMessage, ModelWarning } from './specification.js'

/** What goes out of a call, and what is said about the rest. */
export interface Question {
  readonly text: string
  readonly warnings: ModelWarning[]
}

/** What shapes the answers of other models. */
const SETTINGS = [
  'maxOutputTokens',
  'temperature',
  'topP',
  'topK',
  'presencePenalty',
  'frequencyPenalty',
  'seed',
] as const satisfies readonly (keyof ModelCall)[]

/**
 * Returns the last message of the visitor. The avatar knows the messages before it: they are in its session. It is
 * refused where leaving something out would fool the caller.
 */
export function questionOf(call: ModelCall, site: Site): Question {
  const { prompt, responseFormat, toolChoice } = call
  const last = prompt.at(-1)
  if (last?.role !== 'user') {
    const what = last === undefined ? 'nothing' : `a message of the role \`${last.role}\``
    throw misuse(`the last message has to be the user's, and is ${what}: an avatar only answers what a user says`, site)
  }
  if (responseFormat?.type === 'json') throw unsupported('JSON: ask for a text, without `output` or a schema', site)
  if (toolChoice?.type === 'required' || toolChoice?.type === 'tool') {
    throw unsupported(`tools: leave out \`toolChoice: ${toolChoice.type}\``, site)
  }
  const text = textOf(last, site)
  if (text.trim() === '') throw misuse('the last message has no text', site)
  return { text, warnings: warningsOf(call) }
}

function textOf({ content }: ModelMessage, site: Site): string {
  if (typeof content === 'string') return content
  const other = content.find(({ type }) => type !== 'text')
  if (other !== undefined) throw unsupported(`a part of the type \`${other.type}\`: send texts alone`, site)
  return content.map(({ text }) => text ?? '').join('\n')
}

function warningsOf(call: ModelCall): ModelWarning[] {
  const features: string[] = SETTINGS.filter((name) => call[name] !== undefined)
  if (call.stopSequences?.length) features.push('stopSequences')
  if (call.tools?.length) features.push('tools')
  const details = 'An avatar has its own settings: this one is ignored.'
  const warnings: ModelWarning[] = features.map((feature) => ({ type: 'unsupported', feature, details }))
  if (call.prompt.some(({ role }) => role === 'system')) {
    const details = 'An avatar has a persona of its own: the system message is not sent.'
    warnings.unshift({ type: 'unsupported', feature: 'system messages', details })
  }
  if (call.prompt.at(-2)?.role === 'user') {
    const message = 'Only the last user message is sent: the one before it has no answer, and is left out.'
    warnings.push({ type: 'other', message })
  }
  return warnings
}

function unsupported(what: string, site: Site): AvatarError {
  const message = `an avatar does not understand ${what}`
  return failed({ kind: 'unsupported', message, retryable: false, causes: [] }, site)
}
