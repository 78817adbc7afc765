/** Where the launcher stands in the window, or `inline` for a panel that is part of the page. */
export type Position = 'bottom-right' | 'bottom-left' | 'inline'

export type Theme = 'light' | 'dark' | 'auto'

/** Of `avatar-message`: something was said to the visitor. What was said is not told to the page. */
export interface AvatarMessageDetail {
  author: 'avatar' | 'owner'
  id: string
}

/** Of `avatar-unread`. */
export interface AvatarUnreadDetail {
  count: number
}

/** Of `avatar-error`. */
export interface AvatarErrorDetail {
  kind: 'not_loaded'
}

/** The events of the element. */
export interface SecondmeAvatarEvents {
  'avatar-open': CustomEvent<null>
  'avatar-close': CustomEvent<null>
  'avatar-message': CustomEvent<AvatarMessageDetail>
  'avatar-unread': CustomEvent<AvatarUnreadDetail>
  'avatar-error': CustomEvent<AvatarErrorDetail>
}
