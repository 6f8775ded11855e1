// The hosted inbox of an agent (relay.md R40, R128): what waits, for how long, and who holds it. No content; that is on the page of its thread.
import type { WaitingMessage } from '@countersign/sdk'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { figure } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { Badge } from '../ui/badge.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { LIVE, messageWord } from './words.tsx'

export function InboxCard({ slug }: { slug: string }) {
  const me = useUser()
  const closed = closedTo(me, 'thread.list', t('see threads'))
  const { rows, query } = useList<WaitingMessage>(
    ['relay', 'inbox', slug],
    (cursor) => api.call('GET /agents/:slug/inbox', { params: { slug }, query: { limit: 20, cursor } }),
    { enabled: closed === undefined, ...LIVE },
  )
  return (
    <Card
      title={t('Hosted inbox')}
      aside={
        <Link href={paths.threads({ agent: slug })} className="text-sm text-muted underline underline-offset-4 hover:text-text">
          {t('Its threads')}
        </Link>
      }
    >
      {closed && <p className="text-muted">{closed}</p>}
      <Refusal error={query.error} />
      {query.data && rows.length === 0 && <p className="text-muted">{t('Nothing waits.')}</p>}
      <ul className="flex min-w-0 flex-col divide-y divide-line">
        {rows.map((one) => (
          <li key={one.message_id} className="flex min-w-0 flex-col gap-0.5 py-2 first:pt-0 last:pb-0">
            <p className="flex flex-wrap items-center justify-between gap-2">
              <Link href={paths.thread(one.thread_id)} className="underline underline-offset-4">
                <AgentText text={one.from} />
              </Link>
              <Badge tone={one.state === 'exhausted' ? 'bad' : one.state === 'delivering' ? 'info' : 'warn'}>
                {messageWord(one.state)}
              </Badge>
            </p>
            <p className="text-sm text-muted">
              {t('waits for {age}', { age: ageOf(one.age_seconds) })}
              {one.skill !== null && (
                <>
                  {' · '}
                  <AgentText text={one.skill} />
                </>
              )}
              {one.attempts > 0 && ` · ${t('{count, plural, one {# attempt} other {# attempts}}', { count: one.attempts })}`}
              {' · '}
              {t('{bytes} bytes', { bytes: figure(one.size_bytes) })}
            </p>
            {one.claimed_by !== null && (
              <p className="text-sm">
                {t('Held by')} <span className="font-mono text-xs wrap-anywhere">{one.claimed_by}</span>
                {one.claimed_until !== null && ` ${t('until {when}', { when: exact(one.claimed_until) })}`}
              </p>
            )}
          </li>
        ))}
      </ul>
      <More query={query} />
    </Card>
  )
}

function ageOf(seconds: number): string {
  if (seconds < 60) return t('{count} s', { count: seconds })
  if (seconds < 3_600) return t('{count} min', { count: Math.round(seconds / 60) })
  if (seconds < 172_800) return t('{count} h', { count: Math.round(seconds / 3_600) })
  return t('{count} days', { count: Math.round(seconds / 86_400) })
}
