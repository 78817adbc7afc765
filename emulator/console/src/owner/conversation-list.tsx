import type { JSX } from 'preact'
import { Icon } from '../parts/icon'
import { VirtualList } from '../parts/virtual-list'
import { listed, sought, total } from '../store/conversations'
import { openConversation, openedId } from '../store/view'
import { t } from '../words'
import { ConversationRow } from './conversation-row'
import type { Summary } from '../api/types'

const ROW = 76

export function ConversationList(): JSX.Element {
  const list = listed.value
  const at = (index: number) => list[index] as Summary
  return (
    <section class="inbox" aria-labelledby="inbox-title">
      <header class="pane-head">
        <h2 id="inbox-title">{t('conversations')}</h2>
        <span class="soft" title={t('conversationsInAll')}>
          {total.value}
        </span>
      </header>
      <div class="search">
        <Icon name="search" />
        <input
          type="search"
          aria-label={t('searchConversations')}
          placeholder={t('searchConversations')}
          value={sought.value}
          onInput={(event) => {
            sought.value = event.currentTarget.value
          }}
        />
      </div>
      {list.length === 0 ? (
        <div class="empty">
          <Icon name="inbox" />
          <p>{sought.value ? t('nothingFound') : t('noConversations')}</p>
          {!sought.value && <p class="soft">{t('noConversationsHelp')}</p>}
        </div>
      ) : (
        <VirtualList
          count={list.length}
          rowHeight={ROW}
          label={t('conversations')}
          keyOf={(index) => at(index).sessionId}
          row={(index, tabIndex) => (
            <ConversationRow
              of={at(index)}
              tabIndex={tabIndex}
              current={at(index).sessionId === openedId.value}
              onOpen={openConversation}
            />
          )}
        />
      )}
      {total.value > list.length && !sought.value && (
        <p class="foot soft">{t('newestOf', { n: list.length, all: total.value })}</p>
      )}
    </section>
  )
}
