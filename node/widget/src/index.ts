import { define, SecondmeAvatarElement } from './element.js'
import type { SecondmeAvatarEvents } from './types.js'

export type * from './types.js'
export { SecondmeAvatarElement }

define({
  session: () => import('./session.js'),
  panel: () => import('./panel.js'),
  strings: () => undefined,
})

declare global {
  interface HTMLElementTagNameMap {
    'secondme-avatar': SecondmeAvatarElement
  }
  interface HTMLElementEventMap extends SecondmeAvatarEvents {}
}
