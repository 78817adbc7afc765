import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { Bubble, follows } from '../owner/bubble'
import { Button } from '../parts/button'
import { MessageBox } from '../parts/message-box'
import { WriteBox } from '../parts/write-box'
import { openConversation } from '../store/view'
import { t, type Word } from '../words'
import type { ConnectionState } from './connection'
import type { Visitor } from './visitor'
import { leave, nameOfChat } from './visitors'

const STATES: Record<ConnectionState, Word> = {
  opening: 'visitorOpening',
  live: 'visitorLive',
  reconnecting: 'visitorReconnecting',
  replaced: 'visitorReplaced',
  failed: 'visitorFailed',
  left: 'visitorLeft',
}

interface ChatProps {
  visitor: Visitor
  /** The visitor is to be played once more. */
  onAgain: () => void
}

export function VisitorChat({ visitor, onAgain }: ChatProps): JSX.Element {
  const state = visitor.state.value
  const sessionId = visitor.sessionId.value
  const said = visitor.said.value
  useEffect(() => {
    visitor.unread.value = 0
  }, [visitor, said])
  return (
    <section class="visitor-chat" aria-label={t('visitorChatOf', { name: nameOfChat(visitor) })}>
      <header class="visitor-head">
        <div class="who">
          <h3>{visitor.connection.avatarName.value || t('avatar')}</h3>
          <p class="soft" role="status">
            <i class={`dot ${state === 'live' ? 'live' : state === 'failed' ? 'bad' : ''}`} />
            {t(STATES[state], { step: visitor.connection.step.value })}
          </p>
        </div>
        {sessionId !== null && (
          <Button small icon="inbox" onClick={() => openConversation(sessionId)}>
            {t('asOwner')}
          </Button>
        )}
        <Button small icon="plus" title={t('sameVisitorHelp')} onClick={onAgain}>
          {t('sameVisitor')}
        </Button>
        <Button small kind="quiet" icon="close" label={t('leaveChat')} onClick={() => leave(visitor)} />
      </header>
      {visitor.failure.value && state !== 'live' && (
        <div class="explain warn" role="alert">
          <span>{visitor.failure.value}</span>
          {state === 'failed' && (
            <Button small onClick={() => void visitor.open()}>
              {t('tryAgain')}
            </Button>
          )}
          {state === 'replaced' && (
            <Button small onClick={() => void visitor.connection.reconnect()}>
              {t('connectAgain')}
            </Button>
          )}
        </div>
      )}
      <Words visitor={visitor} />
      <WriteBox
        label={t('visitorMessage')}
        placeholder={t('visitorMessageHelp')}
        disabled={sessionId === null || state === 'failed'}
        onSend={(text) => visitor.say(text)}
      />
    </section>
  )
}

function Words({ visitor }: { visitor: Visitor }): JSX.Element {
  const said = visitor.said.value
  const whole = said.filter((one) => !one.streaming && one.author !== 'visitor').at(-1)
  return (
    <MessageBox first={said[0]?.id ?? ''} announced={whole ? `${t(whole.author)}: ${whole.text}` : ''}>
      {said.map((message, at) => (
        <Bubble key={message.id} message={message} follows={follows(message, said[at - 1])} mine="visitor" />
      ))}
      {visitor.lines.value.map((line, at) => (
        <p key={`${at}-${line}`} class="system-line">
          {line}
        </p>
      ))}
    </MessageBox>
  )
}
