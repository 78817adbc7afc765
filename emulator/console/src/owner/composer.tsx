import type { JSX } from 'preact'
import { control } from '../api/control'
import type { Summary } from '../api/types'
import { WriteBox } from '../parts/write-box'
import { t } from '../words'
import { canAct } from './thread-head'

export function Composer({ of }: { of: Summary }): JSX.Element {
  const acts = canAct(of)
  return (
    <WriteBox
      label={t('replyLabel')}
      placeholder={t(!acts ? 'cannotReply' : of.takenOver ? 'replyInPerson' : 'replyTakesOver')}
      disabled={!acts}
      onSend={async (text) => {
        await control.reply(of.sessionId, text)
      }}
    />
  )
}
