import type { JSX } from 'preact'
import type { What } from '../api/types'
import { Button } from '../parts/button'
import { Icon } from '../parts/icon'
import { calls, filter, type OneMessage, setFilter } from '../store/journal'
import { showInTimeline } from '../store/view'
import { t } from '../words'

const KINDS: What[] = ['request', 'answer', 'connect', 'frame-in', 'frame-out', 'close', 'fault', 'owner', 'dropped']

export function JournalFilter({ session }: { session: string | null }): JSX.Element {
  const chosen = filter.value
  const only = session !== null && chosen.session === session
  return (
    <div class="journal-filter" role="search" aria-label={t('journal')}>
      <div class="search">
        <Icon name="search" />
        <input
          type="search"
          aria-label={t('searchJournal')}
          placeholder={t('searchJournal')}
          value={chosen.text}
          onInput={(event) => setFilter({ text: event.currentTarget.value })}
        />
      </div>
      <select
        aria-label={t('kind')}
        value={chosen.what}
        onChange={(event) => setFilter({ what: event.currentTarget.value as What | '' })}
      >
        <option value="">{t('allKinds')}</option>
        {KINDS.map((kind) => (
          <option key={kind} value={kind}>
            {kind}
          </option>
        ))}
      </select>
      <select
        aria-label={t('callName')}
        value={chosen.call}
        onChange={(event) => setFilter({ call: event.currentTarget.value })}
      >
        <option value="">{t('allCalls')}</option>
        {calls.value.map((call) => (
          <option key={call} value={call}>
            {call}
          </option>
        ))}
      </select>
      <input
        class="narrow"
        aria-label={t('visitorId')}
        placeholder={t('visitorId')}
        value={chosen.visitor}
        onInput={(event) => setFilter({ visitor: event.currentTarget.value.trim() })}
      />
      {chosen.message && <MessageChip of={chosen.message} />}
      {(session !== null || chosen.session) && (
        <Button small pressed={only} onClick={() => setFilter({ session: only || session === null ? '' : session })}>
          {t('openConversationOnly')}
        </Button>
      )}
    </div>
  )
}

/** Which message's entries are shown, with the way to its place in the time line. */
function MessageChip({ of }: { of: OneMessage }): JSX.Element {
  return (
    <p class="message-chip">
      <span class="soft">{t('entriesOf')}</span>
      <q>{of.text}</q>
      <Button small icon="timeline" onClick={() => showInTimeline(of.sessionId, of.at)}>
        {t('inTimeline')}
      </Button>
      <Button small kind="quiet" icon="close" label={t('clearFilter')} onClick={() => setFilter({ message: null })} />
    </p>
  )
}
