/** Where something is said, as Chat SDK's thread id: `feishu:p:CHAT`, `feishu:g:CHAT:MESSAGE` or `feishu:u:PERSON`. */

import { ValidationError } from '@chat-adapter/shared'

/** A place in Feishu. */
export interface FeishuThreadId {
  /** `p`: a direct chat; `g`: a group; `u`: a person to whom nothing was said yet. */
  readonly kind: 'p' | 'g' | 'u'
  /** The chat's id, `oc_…`, or the person's, `ou_…`. */
  readonly id: string
  /** In a group, the message under which it is answered. */
  readonly message?: string | undefined
}

export function encode({ kind, id, message }: FeishuThreadId): string {
  return ['feishu', kind, id, ...(message === undefined ? [] : [message])].join(':')
}

export function decode(threadId: string): FeishuThreadId {
  const [name, kind, id, message] = threadId.split(':')
  if (name !== 'feishu' || id === undefined || id === '' || (kind !== 'p' && kind !== 'g' && kind !== 'u')) {
    throw new ValidationError('feishu', `not a thread id of Feishu's: ${threadId}`)
  }
  return { kind, id, message }
}
