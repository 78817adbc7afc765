import { SecondmeAvatarElement } from './element.js';
import type { SecondmeAvatarEvents } from './types.js';
export type * from './types.js';
export { SecondmeAvatarElement };
declare global {
    interface HTMLElementTagNameMap {
        'secondme-avatar': SecondmeAvatarElement;
    }
    interface HTMLElementEventMap extends SecondmeAvatarEvents {
    }
}
