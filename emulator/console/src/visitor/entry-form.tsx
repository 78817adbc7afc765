import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Button } from '../parts/button'
import { Field } from '../parts/field'
import { sessionsOf, toldName, visitorsOf } from '../store/conversations'
import { loadSettings, settings } from '../store/settings'
import { t } from '../words'
import type { VisitorAs } from './visitor'
import { enter, visitors } from './visitors'

const WEB = 'web'
const CHANNELS = [WEB, 'feishu', 'dingtalk', 'slack', 'wechat']

/** A visitor id as the vendor's page has it. */
const VISITOR_ID = '[A-Za-z0-9]+_[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}'
/** How many known visitors are offered. */
const OFFERED = 50

interface EntryProps {
  /** What is known of the visitor already. */
  as: Partial<VisitorAs>
  onEntered: () => void
  onCancel: (() => void) | undefined
}

export function EntryForm({ as, onEntered, onCancel }: EntryProps): JSX.Element {
  const [name, setName] = useState(as.name ?? '')
  const [channel, setChannel] = useState(as.channel ?? WEB)
  const [key, setKey] = useState(as.key ?? '')
  const [visitorId, setVisitorId] = useState(as.visitorId ?? '')
  const [sessionId, setSessionId] = useState('')
  const [ownSocket, setOwnSocket] = useState(false)
  useEffect(() => void loadSettings(), [])
  const keys = settings.value?.keys ?? []
  const avatarOf = (shareCode: string) =>
    settings.value?.avatars.find((one) => one['share-code'] === shareCode)?.name ?? shareCode
  const usedKey = key || (keys[0]?.key ?? '')
  const avatar = keys.find((one) => one.key === usedKey)?.['share-code'] ?? ''
  const known = (id: string) => sessionsOf(id).filter((one) => one.door === 'avatar-open-api' && one.avatar === avatar)
  const sessions = visitorId ? known(visitorId).filter((one) => !one.closed) : []
  const session = sessions.find((one) => one.sessionId === sessionId)?.sessionId ?? ''
  const offered = visitorsOf(avatar).slice(0, OFFERED)
  const choose = (id: string) => {
    setVisitorId(id)
    const one = id ? known(id).at(-1) : undefined
    if (one) setName(toldName(one))
    // What is not told stays as the service knows it: a channel that was not chosen replaces none.
    if (one || (id && channel === WEB)) setChannel(one?.channel ?? '')
  }
  const isHere = visitors.value.some((one) => one.visitorId === visitorId)
  return (
    <form
      class="card form entry-form"
      onSubmit={(event) => {
        event.preventDefault()
        enter({
          key: usedKey,
          name: name.trim(),
          channel: channel.trim(),
          ...(visitorId && { visitorId }),
          ...(session && { sessionId: session }),
          ownSocket: ownSocket || isPlayed(session),
        })
        onEntered()
      }}
    >
      <h3>{t('playVisitor')}</h3>
      <p class="soft">{t('playVisitorHelp')}</p>
      <Field label={t('name')}>
        {(id) => (
          <input
            id={id}
            value={name}
            placeholder="张三"
            autocomplete="off"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field label={t('channel')} help={t('channelHelp')}>
        {(id) => (
          <>
            <input
              id={id}
              value={channel}
              list="channels"
              autocomplete="off"
              onInput={(event) => setChannel(event.currentTarget.value)}
            />
            <datalist id="channels">
              {CHANNELS.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <Field label={t('apiKey')}>
        {(id) => (
          <select id={id} value={key || keys[0]?.key} onChange={(event) => setKey(event.currentTarget.value)}>
            {keys.map((one) => (
              <option key={one.key} value={one.key}>
                {one.key} → {avatarOf(one['share-code'])}
                {one.disabled ? ` (${t('disabled')})` : ''}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label={t('visitorId')} help={t('visitorIdHelp')}>
        {(id) => (
          <>
            <input
              id={id}
              class="mono"
              value={visitorId}
              pattern={VISITOR_ID}
              title={t('visitorIdForm')}
              placeholder={t('newVisitor')}
              list="visitor-ids"
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => choose(event.currentTarget.value.trim())}
            />
            <datalist id="visitor-ids">
              {offered.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      {sessions.length > 0 && (
        <Field label={t('session')}>
          {(id) => (
            <select id={id} value={session} onChange={(event) => setSessionId(event.currentTarget.value)}>
              <option value="">{t('newSession')}</option>
              {sessions.map((one) => (
                <option key={one.sessionId} value={one.sessionId}>
                  {one.sessionId} {one.last?.text.slice(0, 40) ?? ''}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      {isHere && (
        <label class="check">
          <input
            type="checkbox"
            checked={ownSocket || isPlayed(session)}
            disabled={isPlayed(session)}
            onChange={(event) => setOwnSocket(event.currentTarget.checked)}
          />
          <span>{t('ownSocket')}</span>
        </label>
      )}
      <div class="actions">
        <Button type="submit" kind="primary" disabled={keys.length === 0}>
          {t('startChat')}
        </Button>
        {onCancel && <Button onClick={onCancel}>{t('cancel')}</Button>}
      </div>
    </form>
  )
}

/** Whether a session is open in this page already. */
const isPlayed = (sessionId: string) => visitors.value.some((one) => one.sessionId.value === sessionId)
