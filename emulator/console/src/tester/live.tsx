import type { JSX } from 'preact'
import { control } from '../api/control'
import type { KeyUse, Lifetime, Socket } from '../api/types'
import { Button } from '../parts/button'
import { useBusy } from '../parts/busy'
import { now } from '../store/clock'
import { overview } from '../store/overview'
import { countdown, t, type Word } from '../words'
import { ClockCard } from './clock-card'

const KINDS: Record<Lifetime['kind'], Word> = {
  'chat-context': 'lifeChatContext',
  'socket-address': 'lifeSocketAddress',
  'visitor-token': 'lifeVisitorToken',
  'chat-token': 'lifeChatToken',
  takeover: 'lifeTakeover',
}

export function Live(): JSX.Element {
  const told = overview.value
  const since = told ? now.value - told.at : 0
  return (
    <div class="scroll stack">
      <ClockCard />
      <section class="card">
        <h3>{t('quota')}</h3>
        <p class="soft">{t('quotaHelp')}</p>
        {told?.keys.map((key) => (
          <Quota key={key.key} use={key} since={since} />
        ))}
      </section>
      <section class="card">
        <header class="card-head">
          <h3>{t('sockets')}</h3>
          <span class="soft">{told?.socketsTotal ?? 0}</span>
        </header>
        {!told || told.sockets.length === 0 ? (
          <p class="soft">{t('noSockets')}</p>
        ) : (
          <Sockets list={told.sockets} since={since} />
        )}
      </section>
      <section class="card">
        <h3>{t('lifetimes')}</h3>
        {!told || told.lifetimes.length === 0 ? (
          <p class="soft">{t('noLifetimes')}</p>
        ) : (
          <ul class="rows">
            {told.lifetimes.map((life) => (
              <li key={`${life.kind}-${life.sessionId ?? ''}-${life.visitorId ?? ''}`}>
                <span class="grow-text">
                  {t(KINDS[life.kind])} <code>{life.visitorId ?? life.sessionId}</code>
                </span>
                <time class="mono">{countdown(life.endsInMs - since)}</time>
              </li>
            ))}
          </ul>
        )}
      </section>
      <Counts calls={told?.calls ?? {}} failures={told?.failures ?? {}} />
    </div>
  )
}

function Quota({ use, since }: { use: KeyUse; since: number }): JSX.Element {
  const left = use.resetsInMs === null ? null : use.resetsInMs - since
  return (
    <div class="quota">
      <div class="quota-line">
        <code>{use.key}</code>
        <span class="soft">{use.avatar}</span>
        {use.disabled && <span class="tag warn">{t('disabled')}</span>}
        <span class="mono push">
          {use.used} / {use.limit}
        </span>
        {left !== null && left > 0 && <time class="mono soft">{countdown(left)}</time>}
      </div>
      <meter
        min={0}
        max={use.limit}
        high={use.limit * 0.8}
        optimum={0}
        value={use.used}
        aria-label={t('quotaOf', { key: use.key })}
      />
    </div>
  )
}

function Sockets({ list, since }: { list: Socket[]; since: number }): JSX.Element {
  const [busy, run] = useBusy()
  return (
    <ul class="rows">
      {list.map((socket) => (
        <li key={socket.wsId}>
          <span class="grow-text">
            <code>{socket.wsId}</code>
            <small class="soft">
              {socket.visitorId} ·{' '}
              {t('socketCounts', { pings: socket.pings, pushed: socket.pushed, acks: socket.acks })}
            </small>
          </span>
          {socket.dropsInMs !== null && (
            <time class="mono soft" title={t('dropsIn')}>
              {countdown(socket.dropsInMs - since)}
            </time>
          )}
          <Button
            small
            disabled={busy}
            onClick={() => void run(() => control.closeSocket({ wsId: socket.wsId, code: 1012, reason: 'console' }))}
          >
            {t('close')}
          </Button>
          <Button
            small
            kind="danger"
            disabled={busy}
            onClick={() => void run(() => control.closeSocket({ wsId: socket.wsId, abrupt: true }))}
          >
            {t('cut')}
          </Button>
        </li>
      ))}
    </ul>
  )
}

function Counts({ calls, failures }: { calls: Record<string, number>; failures: Record<string, number> }): JSX.Element {
  const rows = [...Object.entries(calls), ...Object.entries(failures)]
  return (
    <section class="card">
      <h3>{t('callCounts')}</h3>
      {rows.length === 0 && <p class="soft">{t('noCalls')}</p>}
      <dl class="counts">
        {rows.map(([name, count]) => (
          <div key={name} class={name in failures ? 'bad' : ''}>
            <dt>{name}</dt>
            <dd class="mono">{count}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
