import type { Panel } from './panel/panel.js'
import type { Session } from './session/session.js'
import type { PanelWords } from './words/panel.js'

/** What is loaded when it is needed, and not before. */
export interface Loader {
  session(): Promise<{ sessionFor(server: string): Session }>
  panel(): Promise<{
    Panel: typeof Panel
    PANEL_WORDS: Record<'en' | 'zh', PanelWords>
    PANEL_STYLE: string
  }>
  /** The words of a language that is not built in, where the widget has them. */
  strings(language: string): Promise<Record<string, string>> | undefined
}
