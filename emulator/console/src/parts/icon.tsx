import type { JSX } from 'preact'

// Strokes on a grid of 24, each drawn for this page.
const PATHS = {
  inbox:
    'M4 13l2.2-7.2A2 2 0 0 1 8.1 4.4h7.8a2 2 0 0 1 1.9 1.4L20 13v5a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM4 13h4l1.5 2.5h5L16 13h4',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16.2 16.2L20.5 20.5',
  back: 'M14.5 5.5L8 12l6.5 6.5',
  send: 'M5 12h13M12.5 6l6 6-6 6',
  hand: 'M12 20.5c-3.6 0-6-2-7.4-5.4L3.4 12c-.5-1.4 1-2.3 2-1.1L7.5 13V6.2a1.4 1.4 0 0 1 2.8 0V11V4.5a1.4 1.4 0 0 1 2.8 0V11V5.7a1.4 1.4 0 0 1 2.8 0V11.5V8a1.4 1.4 0 0 1 2.8 0v6.5c0 3.6-2.6 6-6.7 6z',
  spark:
    'M12 3.5l1.9 5.1a3 3 0 0 0 1.7 1.7L20.5 12l-4.9 1.7a3 3 0 0 0-1.7 1.7L12 20.5l-1.9-5.1a3 3 0 0 0-1.7-1.7L3.5 12l4.9-1.7a3 3 0 0 0 1.7-1.7z',
  person: 'M12 4.2a3.9 3.9 0 1 0 0 7.8 3.9 3.9 0 0 0 0-7.8zM4.8 20c.7-3.5 3.6-5.2 7.2-5.2s6.5 1.7 7.2 5.2',
  chat: 'M5 5.5h14a1.5 1.5 0 0 1 1.5 1.5v8.5A1.5 1.5 0 0 1 19 17h-7l-4.5 3.5V17H5a1.5 1.5 0 0 1-1.5-1.5V7A1.5 1.5 0 0 1 5 5.5z',
  list: 'M8.5 6.5h11M8.5 12h11M8.5 17.5h11M4.5 6.5h.01M4.5 12h.01M4.5 17.5h.01',
  timeline: 'M4 6.5h8M9 12h9M6.5 17.5h6M20 4v16',
  bolt: 'M13 3L5 13.5h6L10.5 21 19 10.5h-6z',
  gauge: 'M4.5 18a9 9 0 1 1 15 0M12 14l4-4.5M12 14.8a.8.8 0 1 0 0-1.6.8.8 0 0 0 0 1.6z',
  sliders: 'M4 8h9M17 8h3M4 16h3M11 16h9M15 5.5v5M9 13.5v5',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z',
  half: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  close: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  plus: 'M12 5v14M5 12h14',
  copy: 'M9 9h9.5a1 1 0 0 1 1 1v9.5a1 1 0 0 1-1 1H9a1 1 0 0 1-1-1V10a1 1 0 0 1 1-1zM5 15.5h-.5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1H14a1 1 0 0 1 1 1v.5',
  trash: 'M4.5 6.5h15M9.5 6.5v-2h5v2M6.5 6.5l.8 13h9.4l.8-13M10 10.5v5.5M14 10.5v5.5',
  chevron: 'M9 5.5L15.5 12 9 18.5',
  clock: 'M12 3.8a8.2 8.2 0 1 0 0 16.4 8.2 8.2 0 0 0 0-16.4zM12 7.5V12l3 2',
  up: 'M12 19V5.5M6 11l6-6 6 6',
  down: 'M12 5v13.5M6 13l6 6 6-6',
  check: 'M5 12.5l4.5 4.5L19 7',
  zoomIn: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16.2 16.2L20.5 20.5M8 11h6M11 8v6',
  zoomOut: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16.2 16.2L20.5 20.5M8 11h6',
} as const

export type IconName = keyof typeof PATHS

/** A picture beside words, which a screen reader leaves out. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
