/** Any platform of Chat SDK: messages that are posted, and edited while they grow. */

import type { Draft, Outlet, PostDetails, PostedMessage } from '../bridge/outlet.js'
import { placeOf } from './address.js'
import type { ChatAdapter, PostOptions } from './bot.js'
import { adapted } from './failures.js'
import type { Platform } from './limits.js'

/** How many messages are looked at for what an earlier process has shown. */
const LOOKED_AT = 50

export function editedOutlet(adapter: ChatAdapter, limits: Platform): Outlet {
  const post = async (address: string, markdown: string, details: PostDetails) => {
    const { id } = await adapted(() => posted(adapter, address, markdown, details))
    return id
  }
  const draft = (address: string, handle: string, first: string | undefined): Draft => {
    let shown = first
    const edit = async (markdown: string) => {
      // Platforms refuse an edit that changes nothing.
      if (markdown === shown) return
      await adapted(() => adapter.editMessage(placeOf(address).thread, handle, { markdown }))
      shown = markdown
    }
    return { handle, update: edit, finish: edit }
  }
  if (!limits.edits) return { limits, post }
  return {
    limits,
    post,
    open: async (address, text, details) => draft(address, await post(address, text, details), text),
    reopen: async (address, handle) => draft(address, handle, undefined),
    recent: (address, sinceMs) => recent(adapter, placeOf(address).thread, sinceMs),
  }
}

/** Posts a message: once, where the adapter recognises one that is posted again. */
export function posted(
  adapter: ChatAdapter,
  address: string,
  markdown: string,
  { key, isRepeated }: PostOptions,
): Promise<{ id: string }> {
  const { thread } = placeOf(address)
  if (adapter.postsOnce !== true) return adapter.postMessage(thread, { markdown })
  return adapter.postMessage(thread, { markdown }, { key, isRepeated })
}

async function recent(adapter: ChatAdapter, thread: string, sinceMs: number): Promise<PostedMessage[]> {
  const { messages } = await adapted(() => adapter.fetchMessages(thread, { limit: LOOKED_AT }))
  return messages
    .filter(({ author, metadata }) => author.isMe && metadata.dateSent.getTime() >= sinceMs)
    .map(({ id, text }) => ({ handle: id, text }))
}
