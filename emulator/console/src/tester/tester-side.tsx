import type { JSX, RefObject } from 'preact'
import { Splitter } from '../frame/splitter'
import { type TabOf, Tabs } from '../parts/tabs'
import { overview } from '../store/overview'
import { show, type Tab, view } from '../store/view'
import { t } from '../words'
import { VisitorPane } from '../visitor/visitor-pane'
import { Faults } from './faults'
import { Journal } from './journal'
import { Live } from './live'
import { Setup } from './setup'
import { Timeline } from './timeline'

const PANELS: Record<Tab, () => JSX.Element> = {
  visitor: VisitorPane,
  journal: Journal,
  timeline: Timeline,
  faults: Faults,
  live: Live,
  setup: Setup,
}

export function TesterSide({ panes }: { panes: RefObject<HTMLElement | null> }): JSX.Element {
  const { tab } = view.value
  const tabs: TabOf<Tab>[] = [
    { id: 'visitor', label: t('visitor'), icon: 'chat' },
    { id: 'journal', label: t('journal'), icon: 'list' },
    { id: 'timeline', label: t('timeline'), icon: 'timeline' },
    { id: 'faults', label: t('faults'), icon: 'bolt', count: overview.value?.faults },
    { id: 'live', label: t('live'), icon: 'gauge' },
    { id: 'setup', label: t('setup'), icon: 'sliders' },
  ]
  const Panel = PANELS[tab]
  return (
    <section class="tester-side" aria-labelledby="tester-title">
      <h2 id="tester-title" class="unseen">
        {t('testerSide')}
      </h2>
      <Splitter panes={panes} />
      <Tabs
        tabs={tabs}
        chosen={tab}
        label={t('testerSide')}
        panel="tester-panel"
        onChoose={(chosen) => show({ tab: chosen })}
      />
      <div id="tester-panel" class="panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        <Panel />
      </div>
    </section>
  )
}
