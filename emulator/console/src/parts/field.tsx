import type { ComponentChildren, JSX } from 'preact'
import { useId } from 'preact/hooks'

interface FieldProps {
  label: string
  help?: ComponentChildren
  hidden?: boolean
  children: (id: string) => ComponentChildren
}

/** A control with its label, and a help text below it. */
export function Field({ label, help, hidden, children }: FieldProps): JSX.Element {
  const id = useId()
  return (
    <div class="field">
      <label for={id} class={hidden ? 'unseen' : ''}>
        {label}
      </label>
      {children(id)}
      {help && <p class="help">{help}</p>}
    </div>
  )
}
