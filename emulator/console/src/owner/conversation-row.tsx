import type { JSX } from 'preact'
import type { Summary } from '../api/types'
import { Face } from '../parts/face'
import { now } from '../store/clock'
import { nameOf, platformOf, unread } from '../store/conversations'
import { shortAgo, t } from '../words'

interface RowProps {
  of: Summary
  current: boolean
  tabIndex: 0 | -1
  onOpen: (sessionId: string) => void
}

export function ConversationRow({ of, current, tabIndex, onOpen }: RowProps): JSX.Element {
  const waiting = unread(of)
  return (
    <button
      type="button"
      class={`row${waiting > 0 && !current ? ' unread' : ''}${of.closed ? ' closed' : ''}`}
      aria-current={current ? 'true' : undefined}
      tabIndex={tabIndex}
      onClick={() => onOpen(of.sessionId)}
    >
      <Face id={of.visitorId} name={of.name ?? platformOf(of)} live={of.sockets > 0} />
      <span class="row-text">
        <span class="row-top">
          <strong>{nameOf(of)}</strong>
          <time>{shortAgo(of.last?.at ?? of.createdAt, now.value)}</time>
        </span>
        <span class="row-last">{lastLine(of)}</span>
        <span class="row-state">
          <State of={of} />
          {waiting > 0 && !current && (
            <b class="count">
              {waiting > 99 ? '99+' : waiting}
              <span class="unseen"> {t('unread')}</span>
            </b>
          )}
        </span>
      </span>
    </button>
  )
}

function lastLine(of: Summary): string {
  if (!of.last) return of.forgotten > 0 ? t('forgotten', { n: of.forgotten }) : t('nothingSaid')
  const who = of.last.author === 'visitor' ? '' : `${t(of.last.author === 'owner' ? 'you' : 'avatar')}: `
  return who + of.last.text.replace(/\s+/g, ' ')
}

/** One word for where the conversation stands. */
function State({ of }: { of: Summary }): JSX.Element {
  if (of.closed) return <span class="tag">{t('closed')}</span>
  if (of.takenOver) return <span class="tag owner">{t('youAnswer')}</span>
  if (of.speaking === 'avatar') return <span class="tag avatar live">{t('avatarSpeaks')}</span>
  if (of.busy) return <span class="tag avatar">{t('avatarThinks')}</span>
  if (!of.bound) return <span class="tag warn">{t('notBound')}</span>
  return <span class="tag">{of.sockets > 0 ? t('online') : t('offline')}</span>
}
