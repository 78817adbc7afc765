import { signal } from '@preact/signals'

const SLOT = 'secondme-console-token'

/** The token of the control API; empty where none was given. */
export const token = signal(sessionStorage.getItem(SLOT) ?? '')
/** Whether the emulator wants a token, or another one. */
export const tokenRefused = signal(false)

export function setToken(given: string): void {
  sessionStorage.setItem(SLOT, given)
  token.value = given
  tokenRefused.value = false
}

/** Takes the token out of the address, so that it is neither in the history nor on the screen. */
export function takeTokenFromAddress(): void {
  const given = location.hash.slice(1)
  if (!given) return
  history.replaceState(null, '', location.pathname + location.search)
  try {
    setToken(decodeURIComponent(given))
  } catch {
    setToken(given)
  }
}

export function authorization(): Record<string, string> {
  return token.value ? { authorization: `Bearer ${token.value}` } : {}
}
