/** What the launcher says. `{count}` and `{name}` are filled in. */
export interface LauncherWords {
  open: string
  openUnread: string
  close: string
  newMessage: string
  /** The panel could not be loaded. */
  notLoaded: string
}

export const LAUNCHER_WORDS: Record<'en' | 'zh', LauncherWords> = {
  en: {
    open: 'Open chat',
    openUnread: 'Open chat, unread messages: {count}',
    close: 'Close chat',
    newMessage: 'New message from {name}',
    notLoaded: 'The chat could not be loaded. Press the button to try again.',
  },
  zh: {
    open: '打开聊天',
    openUnread: '打开聊天，{count} 条未读消息',
    close: '关闭聊天',
    newMessage: '{name}发来新消息',
    notLoaded: '聊天窗口加载失败，请再点一次按钮重试。',
  },
}

/** Puts values in the place of `{name}` and the like. */
export function filled(template: string, values: Record<string, string | number>): string {
  return template.replace(/\{(\w+)\}/g, (all, key: string) => String(values[key] ?? all))
}
