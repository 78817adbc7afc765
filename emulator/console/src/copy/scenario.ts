import { control } from '../api/control'
import type { Entry, Fault, Json, JsonObject, Settings } from '../api/types'
import { conversation } from '../store/conversations'
import { entryAfter, entryBefore } from '../store/journal'
import { catalogue, isDemo, loadCatalogue } from '../store/settings'
import { Slice } from '../store/slice'
import { flow } from './flow'
import { nameOfConversation, nameOfSession } from './names'
import { withPlaceholders } from './secrets'
import { lacksText, type Step, scenarioStep } from './step'
import { wholeText } from './whole'

/** A step, or steps, of the language of `spec/scenarios` for an entry of the journal. */
export async function stepOf(entry: Entry): Promise<Step> {
  return scenarioStep(entry, {
    name: nameOfConversation(entry),
    nameOf: nameOfSession,
    before: (fits) => entryBefore(entry.n, fits),
    after: (fits) => entryAfter(entry.n, fits),
    text: lacksText(entry) ? await wholeText(entry) : null,
  })
}

/** Frames that the library sends, and is answered, by itself. */
const BY_ITSELF = new Set(['ping', 'pong', 'ack'])
/** What of a fault's rule chooses the frames that it strikes. */
const CHOICE = ['type', 'sender', 'first-try']

/** Entries of the journal as a whole scenario: the emulator's settings, and a step for each of them. */
export async function scenarioOf(entries: Entry[]): Promise<string> {
  const [settings, faults] = await Promise.all([control.settings(), control.faults(), loadCatalogue()])
  const door = doorOf(entries)
  const steps = new Steps()
  const left = { door: 0, heartbeat: 0, noStep: 0 }
  const slice = new Slice()
  for (const entry of causesFirst(entries)) {
    if (slice.isOver) await slice.next()
    const type = (entry.frame as JsonObject | null | undefined)?.type
    if (entry.visitorId === undefined) left.noStep++
    else if (doorOfEntry(entry) !== door) left.door++
    else if (typeof type === 'string' && BY_ITSELF.has(type)) left.heartbeat++
    else {
      const made = await stepOf(entry)
      if ('reason' in made) left.noStep++
      else if (entry.what === 'fault') steps.fault(entry, faults)
      else steps.add(entry, made.step)
    }
  }
  const defaults = defaultsOf()
  const { told, count } = withPlaceholders(settings, defaults)
  const remarks = [
    left.heartbeat > 0 && `pings, pongs and acknowledgements (${left.heartbeat}), which the library sends by itself`,
    left.door > 0 && `what belongs to the other API (${left.door}), as a scenario plays one`,
    left.noStep > 0 && `what no step does or looks for (${left.noStep})`,
  ].filter((remark) => remark !== false)
  return [
    'about: "Copied from the journal of the emulator."',
    ...remarks.map((remark) => `# Left out: ${remark}.`),
    ...(count > 0 ? [`# Placeholders stand for keys, client secrets and user tokens (${count}).`] : []),
    ...(door === 'visitor-chat' ? ['door: visitor-chat'] : []),
    ...head(told, defaults),
    'steps:',
    ...steps.all.map((step) => step.replace(/^/gm, '  ')),
    '',
  ].join('\n')
}

/** The steps as they come, each conversation opened before its first. */
class Steps {
  readonly all: string[] = []
  readonly #open = new Set<string>()
  /** Before which step a fault has to be there to be met. */
  #last = 0

  add(entry: Entry, step: string): void {
    const name = nameOfConversation(entry)
    if (step.startsWith('- new_session')) this.#open.add(name)
    else this.#opened(name)
    if (!step.includes('- journal:')) this.#last = this.all.length
    // What is looked for once is there.
    if (!step.startsWith('- journal:') || !this.all.includes(step)) this.all.push(step)
  }

  /** A fault as it was given, where the emulator still knows its rule; it is met once. */
  fault(entry: Entry, faults: Fault[]): void {
    const rule = faults.find((one) => one.id === entry.fault)
    const choice = Object.fromEntries(CHOICE.flatMap((name) => (rule?.[name] ? [[name, rule[name] as Json]] : [])))
    const step = `- call: ${flow({ faults: { at: entry.at ?? 'call', do: entry.do ?? null, ...choice, times: 1 } })}`
    this.#opened(nameOfConversation(entry))
    this.all.splice(this.#last, 0, step)
    this.#last++
  }

  #opened(name: string): void {
    if (this.#open.has(name)) return
    const [first = name, second] = name.split('/')
    if (second !== undefined) this.#opened(first)
    this.#last = this.all.length
    this.all.push(second === undefined ? `- open: ${flow(name)}` : `- new_session: ${flow({ in: first, as: name })}`)
    this.#open.add(name)
  }
}

/** What the owner did stands in the journal behind the frames that it brought: here it stands before them. */
function causesFirst(entries: Entry[]): Entry[] {
  const ordered: Entry[] = []
  for (const entry of entries) {
    let at = ordered.length
    const brought = (other: Entry | undefined) =>
      other?.what === 'frame-out' && other.atMs === entry.atMs && other.sessionId === entry.sessionId
    while (entry.what === 'owner' && brought(ordered[at - 1])) at--
    ordered.splice(at, 0, entry)
  }
  return ordered
}

function doorOfEntry(entry: Entry): string {
  const known = conversation(entry.sessionId ?? null)?.door
  const call = entry.call ?? entry.at ?? ''
  return known ?? (/^(visitor-chat|oauth)\//.test(call) ? 'visitor-chat' : 'avatar-open-api')
}

/** The API of most entries. */
function doorOf(entries: Entry[]): string {
  const second = entries.filter((entry) => doorOfEntry(entry) === 'visitor-chat').length
  return second > entries.length / 2 ? 'visitor-chat' : 'avatar-open-api'
}

/** The settings of an emulator that was just started. */
function defaultsOf(): Map<string, Json> {
  const known = catalogue.peek()
  return new Map([...(known?.switches ?? []), ...(known?.settings ?? [])].map((one) => [one.name, one.default]))
}

/** What this emulator does otherwise than one that was just started. */
function head(settings: Settings, defaults: Map<string, Json>): string[] {
  const changed = Object.entries(settings).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults.get(name)),
  )
  if (changed.length === 0) return []
  const told = changed.map(([name, value]) => [name, name === 'brain' && isDemo(settings.brain) ? 'demo' : value])
  const lines = [`emulator: ${flow(Object.fromEntries(told) as JsonObject)}`]
  const keys = defaults.get('keys') as { key: string }[] | undefined
  const used = settings.keys.find((one) => !one.disabled)
  const isTheOld = settings.keys.some((one) => one.key === keys?.[0]?.key && !one.disabled)
  return used && !isTheOld ? [...lines, `client: ${flow({ key: used.key })}`] : lines
}
