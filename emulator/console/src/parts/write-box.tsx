import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { report } from '../store/notices'
import { t } from '../words'
import { Button } from './button'

interface WriteBoxProps {
  label: string
  placeholder: string
  disabled: boolean
  /** Sends the text. Where that fails, the text stays. */
  onSend: (text: string) => Promise<void>
}

/** A text that grows with its lines. Enter sends, Shift and Enter begin a line. */
export function WriteBox({ label, placeholder, disabled, onSend }: WriteBoxProps): JSX.Element {
  const [text, setText] = useState('')
  const [sending, setSending] = useState(false)
  const area = useRef<HTMLTextAreaElement>(null)

  const send = async () => {
    const said = text.trim()
    if (!said || sending || disabled) return
    setSending(true)
    setText('')
    // Now: what is focused when the answer comes is the reader's choice.
    area.current?.focus()
    try {
      await onSend(said)
    } catch (error) {
      setText((since) => since || said)
      report(error)
    }
    setSending(false)
  }

  return (
    <form
      class="write"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <div class="grow" data-text={`${text} `}>
        <textarea
          ref={area}
          rows={1}
          aria-label={label}
          placeholder={placeholder}
          value={text}
          disabled={disabled}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            // While an input method composes, Enter chooses a word.
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
            event.preventDefault()
            void send()
          }}
        />
      </div>
      <Button
        type="submit"
        kind="primary"
        icon="send"
        label={t('send')}
        disabled={disabled || sending || !text.trim()}
      />
    </form>
  )
}
