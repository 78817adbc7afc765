import { signal } from '@preact/signals'
import { Visitor, type VisitorAs } from './visitor'

export const visitors = signal<Visitor[]>([])
export const chosenVisitor = signal<Visitor | null>(null)

export function enter(as: VisitorAs): void {
  const visitor = new Visitor(as)
  visitors.value = [...visitors.value, visitor]
  chosenVisitor.value = visitor
  void visitor.open()
}

export function leave(visitor: Visitor): void {
  visitor.leave()
  visitors.value = visitors.value.filter((one) => one !== visitor)
  if (chosenVisitor.value === visitor) chosenVisitor.value = visitors.value.at(-1) ?? null
}

/** The visitor's name, numbered where it is played more than once. */
export function nameOfChat(visitor: Visitor): string {
  const own = visitors.value.filter((one) => one.visitorId === visitor.visitorId)
  const at = own.indexOf(visitor)
  const name = visitor.as.name || visitor.visitorId.slice(0, 12)
  return at > 0 ? `${name} (${at + 1})` : name
}
