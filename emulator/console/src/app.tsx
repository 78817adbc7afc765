import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { tokenRefused } from './api/token'
import { Banner } from './frame/banner'
import { Notices } from './frame/notices'
import { TokenForm } from './frame/token-form'
import { TopBar } from './frame/top-bar'
import { ViewSwitch } from './frame/view-switch'
import { ConversationList } from './owner/conversation-list'
import { Thread } from './owner/thread'
import { view } from './store/view'
import { TesterSide } from './tester/tester-side'
import { t } from './words'

export function App(): JSX.Element {
  const owner = useRef<HTMLElement>(null)
  const panes = useRef<HTMLElement>(null)
  if (tokenRefused.value) return <TokenForm />
  const { side, owner: shown } = view.value
  return (
    <div class={`app side-${side} owner-${shown}`}>
      <button type="button" class="skip" onClick={() => owner.current?.focus()}>
        {t('skip')}
      </button>
      <TopBar />
      <Banner />
      <main class="panes" ref={panes}>
        <section ref={owner} class="owner-side" tabIndex={-1} aria-label={t('ownerSide')}>
          <ConversationList />
          <Thread />
        </section>
        <TesterSide panes={panes} />
      </main>
      <ViewSwitch />
      <Notices />
    </div>
  )
}
