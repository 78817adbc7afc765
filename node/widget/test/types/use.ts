// What a program in TypeScript writes with the element. It is compiled, and not run.
import 'secondme-avatar-widget'
import type { AvatarUnreadDetail, Position, SecondmeAvatarElement } from 'secondme-avatar-widget'

const made = document.createElement('secondme-avatar')
made.server = '/avatar'
made.position = 'bottom-left' satisfies Position
made.strings = { open: 'Ask us' }
made.strings = '/strings.fr.json'
document.body.append(made)

const found: SecondmeAvatarElement | null = document.querySelector('secondme-avatar')
await found?.open()
found?.close()
found?.toggle()

made.addEventListener('avatar-unread', ({ detail }) => {
  const { count }: AvatarUnreadDetail = detail
  document.title = `${count} ${made.unread} ${made.isOpen}`
})
made.addEventListener('avatar-message', ({ detail: { author, id } }) => [author === 'owner', id])

// @ts-expect-error: there is no such place
made.position = 'top'
// @ts-expect-error: it is told, not set
made.unread = 3
