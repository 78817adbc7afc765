import { svg } from 'lit/html.js'

function icon(path: string) {
  return svg`<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${path} /></svg>`
}

export const SEND = icon('M12 19V5M5.5 11.5 12 5l6.5 6.5')
export const CLOSE = icon('M6 6l12 12M18 6 6 18')
export const DOWN = icon('M12 5v14M5.5 12.5 12 19l6.5-6.5')
export const LINK = icon('M9 15 19 5M11 5h8v8M17 15v4H5V7h4')
