import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Entry } from '../api/types'
import { copy } from '../copy/clipboard'
import { scenarioOf } from '../copy/scenario'
import { Icon } from '../parts/icon'
import { VirtualList } from '../parts/virtual-list'
import { isFiltered, kept, loadingOlder, missed, NO_FILTER, searching, setFilter, shown } from '../store/journal'
import { wantPast } from '../store/live'
import { report } from '../store/notices'
import { openedId } from '../store/view'
import { t } from '../words'
import { Button } from '../parts/button'
import { EntryDetail } from './entry-detail'
import { EntryRow } from './entry-row'
import { JournalFilter } from './journal-filter'

const ROW = 34
/** How many entries a scenario is made of at most. */
const AT_MOST = 2_000

export function Journal(): JSX.Element {
  const [openNumber, setOpenNumber] = useState<number | null>(null)
  useEffect(wantPast, [])
  const { list } = shown.value
  const filtered = isFiltered()
  const at = (index: number) => list[index] as Entry
  return (
    <div class="journal">
      <JournalFilter session={openedId.value} />
      <p class="journal-count soft" role="status">
        {searching.value
          ? t('searching')
          : filtered
            ? t('entriesFound', { n: list.length, all: kept.value })
            : t('entries', { n: kept.value })}
        {loadingOlder.value && ` · ${t('loading')}`}
        {missed.value > 0 && ` · ${t('entriesMissed', { n: missed.value })}`}
        {filtered && (
          <Button small kind="quiet" onClick={() => setFilter(NO_FILTER)}>
            {t('clearFilter')}
          </Button>
        )}
        {list.length > 0 && (
          <Button
            small
            kind="quiet"
            icon="copy"
            disabled={list.length > AT_MOST}
            title={list.length > AT_MOST ? t('tooManyForScenario', { most: AT_MOST }) : undefined}
            onClick={() => void copyAll(list)}
          >
            {t('copyScenario')}
          </Button>
        )}
      </p>
      {list.length === 0 ? (
        <div class="empty">
          <Icon name="list" />
          <p>{t(filtered ? 'nothingFound' : 'journalEmpty')}</p>
        </div>
      ) : (
        <VirtualList
          class="journal-list"
          count={list.length}
          rowHeight={ROW}
          label={t('journal')}
          followEnd
          keyOf={(index) => at(index).n}
          openIndex={indexOf(list, openNumber)}
          row={(index, tabIndex) => (
            <EntryRow
              entry={at(index)}
              open={at(index).n === openNumber}
              tabIndex={tabIndex}
              onToggle={() => setOpenNumber(at(index).n === openNumber ? null : at(index).n)}
            />
          )}
          detail={() => <EntryDetail entry={at(indexOf(list, openNumber))} />}
        />
      )}
    </div>
  )
}

async function copyAll(list: Entry[]): Promise<void> {
  try {
    await copy(await scenarioOf(list))
  } catch (error) {
    report(error)
  }
}

/** Where an entry stands: they are in the order of their numbers. */
function indexOf(list: Entry[], number: number | null): number {
  if (number === null) return -1
  let [low, high] = [0, list.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    const n = (list[middle] as Entry).n
    if (n === number) return middle
    if (n < number) low = middle + 1
    else high = middle - 1
  }
  return -1
}
