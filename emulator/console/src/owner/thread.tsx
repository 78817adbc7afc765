import type { JSX } from 'preact'
import { useCallback } from 'preact/hooks'
import { link } from '../api/feed'
import { Button } from '../parts/button'
import { Icon } from '../parts/icon'
import { MessageBox } from '../parts/message-box'
import { conversation } from '../store/conversations'
import { announced, loadOlder, opened, setReading, thread } from '../store/thread'
import { closeConversation, openedId, showInJournal } from '../store/view'
import { t } from '../words'
import { Bubble, follows, type Said } from './bubble'
import { Composer } from './composer'
import { ThreadHead } from './thread-head'

export function Thread(): JSX.Element {
  const of = conversation(openedId.value)
  const current = thread.value
  if (!of || !current) {
    const missing = !openedId.value ? 'chooseConversation' : link.value === 'live' ? 'conversationGone' : 'loading'
    return (
      <section class="thread none" aria-label={t('conversation')}>
        <div class="empty">
          <Icon name="chat" />
          <p>{t(missing)}</p>
          <p class="soft">{t('chooseConversationHelp')}</p>
          {openedId.value && <Button class="back" icon="back" label={t('backToList')} onClick={closeConversation} />}
        </div>
      </section>
    )
  }
  return (
    <section class="thread" aria-label={t('conversation')}>
      <ThreadHead of={of} />
      <Messages key={of.sessionId} />
      <Composer key={`write-${of.sessionId}`} of={of} />
    </section>
  )
}

function Messages(): JSX.Element {
  const current = thread.value
  const sessionId = current?.sessionId ?? ''
  const messages = current?.messages ?? []
  const said = announced.value
  // The same function each time, so that only the bubbles that change are drawn anew.
  const toJournal = useCallback((message: Said) => showInJournal({ ...message, sessionId }), [sessionId])
  const newest = messages.findLastIndex((message) => !message.streaming)
  const forgotten = opened.value?.forgotten ?? 0
  return (
    <MessageBox
      first={messages[0]?.key ?? ''}
      announced={said ? `${t(said.author)}: ${said.text}` : ''}
      onNearBeginning={() => void loadOlder()}
      onScrolled={setReading}
    >
      {current?.loading && <p class="soft center">{t('loading')}</p>}
      {current?.older === null && !current.loading && (
        <p class="soft center">
          {forgotten > 0 ? t('forgotten', { n: forgotten }) : t(messages.length > 0 ? 'beginning' : 'nothingSaid')}
        </p>
      )}
      {messages.map((message, at) => (
        <Bubble
          key={message.key}
          message={message}
          follows={follows(message, messages[at - 1])}
          mine="owner"
          isNewest={at === newest}
          onJournal={toJournal}
        />
      ))}
    </MessageBox>
  )
}
