import type { ComponentChildren, JSX } from 'preact'
import { Icon, type IconName } from './icon'

interface ButtonProps {
  icon?: IconName | undefined
  kind?: 'plain' | 'primary' | 'quiet' | 'danger' | undefined
  small?: boolean
  disabled?: boolean | undefined
  pressed?: boolean | undefined
  /** What it says to a screen reader, where it shows a picture alone. */
  label?: string | undefined
  title?: string | undefined
  type?: 'button' | 'submit'
  class?: string
  tabIndex?: 0 | -1 | undefined
  onClick?: ((event: MouseEvent) => void) | undefined
  children?: ComponentChildren
}

export function Button(props: ButtonProps): JSX.Element {
  const { icon, kind = 'plain', small, pressed, label, children } = props
  const bare = children === undefined
  return (
    <button
      type={props.type ?? 'button'}
      class={`button ${kind}${small ? ' small' : ''}${bare ? ' bare' : ''} ${props.class ?? ''}`}
      disabled={props.disabled ?? false}
      aria-pressed={pressed}
      tabIndex={props.tabIndex}
      aria-label={label}
      title={props.title ?? (bare ? label : undefined)}
      onClick={props.onClick}
    >
      {icon && <Icon name={icon} />}
      {children !== undefined && <span>{children}</span>}
    </button>
  )
}
