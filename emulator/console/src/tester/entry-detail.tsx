import type { JSX } from 'preact'
import { token } from '../api/token'
import type { Entry, Json } from '../api/types'
import { copy } from '../copy/clipboard'
import { curl } from '../copy/curl'
import { stepOf } from '../copy/scenario'
import { Button } from '../parts/button'
import { conversation } from '../store/conversations'
import { requestOf, setFilter } from '../store/journal'
import { notice, report } from '../store/notices'
import { openConversation, showInTimeline } from '../store/view'
import { dayAndTime, t } from '../words'

export function EntryDetail({ entry }: { entry: Entry }): JSX.Element {
  // An answer is had again by its request.
  const doable = entry.what === 'answer' ? (requestOf(entry) ?? entry) : entry
  const made = curl(doable, location.origin, token.value !== '')
  const command = 'command' in made ? made.command : null
  const of = conversation(entry.sessionId ?? null)
  return (
    <div class="entry-detail">
      <div class="actions">
        <Button
          small
          icon="copy"
          disabled={command === null}
          title={'reason' in made ? t(made.reason) : undefined}
          onClick={() => void copy(command ?? '')}
        >
          {t('copyCurl')}
        </Button>
        <Button small icon="copy" onClick={() => void copyStep(entry)}>
          {t('copyStep')}
        </Button>
        <Button small icon="copy" onClick={() => void copy(JSON.stringify(entry, null, 2))}>
          {t('copyJson')}
        </Button>
        {entry.sessionId && of && (
          <Button small icon="inbox" onClick={() => openConversation(of.sessionId)}>
            {t('toConversation')}
          </Button>
        )}
        {entry.sessionId && of && (
          <Button small icon="timeline" onClick={() => showInTimeline(of.sessionId, entry.atMs)}>
            {t('inTimeline')}
          </Button>
        )}
        {entry.visitorId && (
          <Button small kind="quiet" onClick={() => setFilter({ visitor: entry.visitorId ?? '' })}>
            {t('onlyVisitor')}
          </Button>
        )}
      </div>
      <dl>
        <Fact name="n" value={String(entry.n)} />
        <Fact name={t('time')} value={dayAndTime(entry.atMs)} />
        <Fact name="visitorId" value={entry.visitorId} />
        <Fact name="sessionId" value={entry.sessionId} />
        <Fact name="wsId" value={entry.wsId} />
        <Fact name="path" value={entry.path} />
        <Fact name="delivery" value={entry.delivery} />
        <Fact name="afterMs" value={entry.afterMs?.toString()} />
      </dl>
      <Part name={t('headers')} value={entry.headers} />
      <Part name={t('body')} value={entry.body} />
      <Part name={t('frame')} value={entry.frame} />
      <Part name="do" value={entry.do} />
      <Part name={t('text')} value={entry.text} />
    </div>
  )
}

async function copyStep(entry: Entry): Promise<void> {
  try {
    const made = await stepOf(entry)
    if ('reason' in made) notice('error', t(made.reason))
    else await copy(made.step)
  } catch (error) {
    report(error)
  }
}

function Fact({ name, value }: { name: string; value: string | undefined }): JSX.Element | null {
  if (!value) return null
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function Part({ name, value }: { name: string; value: Json | undefined }): JSX.Element | null {
  if (value === undefined || value === null) return null
  return (
    <section>
      <h3>{name}</h3>
      <pre tabIndex={0}>{typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</pre>
    </section>
  )
}
