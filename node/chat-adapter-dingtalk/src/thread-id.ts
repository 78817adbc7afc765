/** Where something is said, as Chat SDK's thread id: `dingtalk:s:PERSON` or `dingtalk:g:CONVERSATION`. */

import { ValidationError } from '@chat-adapter/shared'

/** A place in DingTalk. */
export interface DingTalkThreadId {
  /** `s`: the direct chat with a person; `g`: a group. */
  readonly kind: 's' | 'g'
  /** The person's staff id, or the group's `openConversationId`. */
  readonly id: string
}

export function encode({ kind, id }: DingTalkThreadId): string {
  return `dingtalk:${kind}:${Buffer.from(id).toString('base64url')}`
}

export function decode(threadId: string): DingTalkThreadId {
  const [name, kind, id] = threadId.split(':')
  if (name !== 'dingtalk' || (kind !== 's' && kind !== 'g') || !id) {
    throw new ValidationError('dingtalk', `not a thread id of DingTalk's: ${threadId}`)
  }
  return { kind, id: Buffer.from(id, 'base64url').toString() }
}
