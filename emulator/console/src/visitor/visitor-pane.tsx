import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../parts/button'
import { Face } from '../parts/face'
import { t } from '../words'
import { EntryForm } from './entry-form'
import { VisitorChat } from './visitor-chat'
import { chosenVisitor, nameOfChat, visitors } from './visitors'
import type { Visitor, VisitorAs } from './visitor'

/** Chats as visitors see them. */
export function VisitorPane(): JSX.Element {
  const [entering, setEntering] = useState<Partial<VisitorAs> | null>(null)
  const chosen = chosenVisitor.value
  if (!chosen || entering) {
    return (
      <div class="scroll">
        <EntryForm
          as={entering ?? {}}
          onEntered={() => setEntering(null)}
          onCancel={chosen ? () => setEntering(null) : undefined}
        />
      </div>
    )
  }
  return (
    <div class="visitor-pane">
      <nav class="chips" aria-label={t('visitors')}>
        {visitors.value.map((visitor) => (
          <Chip key={visitor.id} visitor={visitor} chosen={visitor === chosen} />
        ))}
        <Button icon="plus" small kind="quiet" label={t('anotherVisitor')} onClick={() => setEntering({})} />
      </nav>
      <VisitorChat
        key={chosen.id}
        visitor={chosen}
        onAgain={() => setEntering({ ...chosen.as, visitorId: chosen.visitorId })}
      />
    </div>
  )
}

function Chip({ visitor, chosen }: { visitor: Visitor; chosen: boolean }): JSX.Element {
  const name = nameOfChat(visitor)
  return (
    <button
      type="button"
      class="chip"
      aria-pressed={chosen}
      onClick={() => {
        chosenVisitor.value = visitor
      }}
    >
      <Face id={visitor.visitorId} name={name} live={visitor.state.value === 'live'} />
      <span>{name}</span>
      {!chosen && visitor.unread.value > 0 && <b class="count">{visitor.unread.value}</b>}
    </button>
  )
}
