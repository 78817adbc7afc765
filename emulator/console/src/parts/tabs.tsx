import type { JSX } from 'preact'
import { Icon, type IconName } from './icon'

export interface TabOf<T extends string> {
  id: T
  label: string
  icon: IconName
  count?: number | undefined
}

interface TabsProps<T extends string> {
  tabs: TabOf<T>[]
  chosen: T
  label: string
  /** The id of the panel that they change. */
  panel: string
  onChoose: (tab: T) => void
}

/** Tabs as the ARIA practices have them: one is in the tab order, the arrows move on. */
export function Tabs<T extends string>({ tabs, chosen, label, panel, onChoose }: TabsProps<T>): JSX.Element {
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex((tab) => tab.id === chosen)
    const steps: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }
    const step = steps[event.key]
    const next = step === undefined ? undefined : tabs[(step + tabs.length) % tabs.length]
    if (!next) return
    event.preventDefault()
    onChoose(next.id)
    const list = event.currentTarget as HTMLElement
    list.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus()
  }
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map((tab) => (
        <button
          key={tab.id}
          id={`tab-${tab.id}`}
          type="button"
          role="tab"
          aria-selected={tab.id === chosen}
          aria-controls={panel}
          tabIndex={tab.id === chosen ? 0 : -1}
          onClick={() => onChoose(tab.id)}
        >
          <Icon name={tab.icon} />
          <span>{tab.label}</span>
          {tab.count ? <b class="count">{tab.count}</b> : null}
        </button>
      ))}
    </div>
  )
}
