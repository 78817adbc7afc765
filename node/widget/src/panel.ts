import { Panel } from './panel/panel.js'
import PANEL_STYLE from './styles/panel.css'
import { PANEL_WORDS } from './words/panel.js'

export { Panel, PANEL_STYLE, PANEL_WORDS }
