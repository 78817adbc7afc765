import type { JSX } from 'preact'
import { control } from '../api/control'
import type { Summary } from '../api/types'
import { Button } from '../parts/button'
import { useBusy } from '../parts/busy'
import { Face } from '../parts/face'
import { now } from '../store/clock'
import { nameOf, platformOf } from '../store/conversations'
import { closeConversation } from '../store/view'
import { countdown, t, type Word } from '../words'

export function ThreadHead({ of }: { of: Summary }): JSX.Element {
  const [busy, run] = useBusy()
  const acts = canAct(of)
  return (
    <header class="thread-head">
      <div class="pane-head">
        <Button class="back" icon="back" kind="quiet" label={t('backToList')} onClick={closeConversation} />
        <Face id={of.visitorId} name={of.name ?? platformOf(of)} live={of.sockets > 0} />
        <div class="who">
          <h2>{nameOf(of)}</h2>
          <p class="soft" title={of.visitorId}>
            {t(of.door === 'visitor-chat' ? 'visitorChat' : 'openApi')} · <code>{of.sessionId}</code>
          </p>
        </div>
        <span class={`answering ${of.takenOver ? 'owner' : 'avatar'}`}>
          {t(of.takenOver ? 'youAnswer' : 'avatarAnswers')}
        </span>
        {of.takenOver ? (
          <Button icon="spark" disabled={busy || !acts} onClick={() => void run(() => control.handBack(of.sessionId))}>
            {t('handBack')}
          </Button>
        ) : (
          <Button
            icon="hand"
            kind="primary"
            disabled={busy || !acts}
            onClick={() => void run(() => control.takeOver(of.sessionId))}
          >
            {t('takeOver')}
          </Button>
        )}
      </div>
      <Explanation of={of} />
    </header>
  )
}

export const canAct = (of: Summary) => of.bound && of.ownerIsMember && !of.closed

/** Why the owner cannot act, or what is about to happen. */
function Explanation({ of }: { of: Summary }): JSX.Element | null {
  const why = reason(of)
  if (why) return <p class="explain warn">{t(why)}</p>
  if (of.takenOver && of.takeoverEndsAt !== null) {
    return <p class="explain">{t('takeoverEnds', { time: countdown(of.takeoverEndsAt - now.value) })}</p>
  }
  if (of.waiting > 0) return <p class="explain">{t('messagesWait', { n: of.waiting })}</p>
  return null
}

function reason(of: Summary): Word | null {
  if (of.closed) return 'closedExplained'
  if (!of.bound) return 'notBoundExplained'
  return of.ownerIsMember ? null : 'notMemberExplained'
}
