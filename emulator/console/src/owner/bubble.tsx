import type { JSX } from 'preact'
import type { Author } from '../api/types'
import { Extras, type Extra } from '../visitor/extras'
import { Button } from '../parts/button'
import { Icon } from '../parts/icon'
import { language } from '../store/preferences'
import { dayAndTime, timeOfDay, t } from '../words'

/** What a bubble needs of a message, on either side of the conversation. */
export interface Said {
  id: string
  author: Author
  text: string
  at: number
  streaming: boolean
  extras?: Extra[]
}

/** Messages of one author within this time stand together. */
const TOGETHER = 120_000

interface BubbleProps {
  message: Said
  /** Whether it stands together with the message before it. */
  follows: boolean
  /** Whose words stand on the right: the owner's and its avatar's, or the visitor's. */
  mine: 'owner' | 'visitor'
  /** Leads to what the journal tells of the message. */
  onJournal?: (message: Said) => void
  /** The way to the journal is in the tab order once; the arrows lead to the other messages'. */
  isNewest?: boolean
}

export const follows = (message: Said, before: Said | undefined): boolean =>
  before?.author === message.author && message.at - before.at < TOGETHER

export function Bubble({ message, follows, mine, onJournal, isNewest = false }: BubbleProps): JSX.Element {
  // A component that reads a signal is drawn anew only where its properties, or the signal, change.
  void language.value
  const right = (message.author === 'visitor') === (mine === 'visitor')
  return (
    <article class={`said ${message.author}${right ? ' right' : ''}${follows ? ' follows' : ''}`}>
      {!follows && (
        <header>
          <Speaker author={message.author} mine={mine} />
          <time dateTime={new Date(message.at).toISOString()} title={dayAndTime(message.at)}>
            {timeOfDay(message.at)}
          </time>
        </header>
      )}
      <div class="said-line">
        {(message.text || !message.extras?.length) && (
          <p class={message.streaming ? 'bubble streaming' : 'bubble'}>{message.text}</p>
        )}
        {onJournal && !message.streaming && (
          <Button
            class="to-journal"
            small
            kind="quiet"
            icon="list"
            label={t('inJournal')}
            tabIndex={isNewest ? 0 : -1}
            onClick={() => onJournal(message)}
          />
        )}
      </div>
      {message.extras && <Extras list={message.extras} />}
    </article>
  )
}

/** The badge that says who speaks. */
function Speaker({ author, mine }: { author: Author; mine: 'owner' | 'visitor' }): JSX.Element {
  const icon = author === 'avatar' ? 'spark' : 'person'
  const word = author === mine ? 'you' : author
  return (
    <span class={`speaker ${author}`}>
      <Icon name={icon} />
      {t(word)}
    </span>
  )
}
