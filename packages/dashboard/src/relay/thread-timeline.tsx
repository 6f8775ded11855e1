// Every event and attempt of a thread, newest first, under what happens next (relay.md R111, R128).
import type { ThreadEvent } from '@countersign/sdk'
import { Link } from 'wouter'
import { When } from '../jobs/frame.tsx'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { sentenceOf } from './story.ts'

type Props = {
  events: readonly ThreadEvent[]
  next: string
  inAudit: boolean
  inDeliveries: boolean
  whoOf: (event: ThreadEvent) => string
  now: number
}

/** `inAudit`: the same rows stand in the record of this tenant, and one may read it. */
export const ThreadTimeline = ({ events, next, inAudit, inDeliveries, whoOf, now }: Props) => (
  <Card title={t('What happens')}>
    <p role="status" className="rounded-lg bg-info-soft px-3 py-2">
      <span className="font-medium">{t('Next:')}</span> {next}
    </p>
    <ol className="flex min-w-0 flex-col gap-2" aria-label={t('What happened')}>
      {[...events].reverse().map((event) => (
        <li key={event.id} className="flex min-w-0 items-baseline gap-3 text-sm">
          <span className="w-8 shrink-0 text-right font-mono text-xs text-muted">
            {inAudit ? (
              <Link href={paths.auditEvent(event.id)} className="underline underline-offset-4">
                {event.sequence}
              </Link>
            ) : (
              event.sequence
            )}
          </span>
          <span className="min-w-0 grow">
            <AgentText text={sentenceOf(event, whoOf(event))} />
            {inDeliveries && typeof event.data.delivery_id === 'string' && (
              <>
                {' '}
                <Link href={paths.delivery(event.data.delivery_id)} className="underline underline-offset-4">
                  {t('The delivery')}
                </Link>
              </>
            )}
          </span>
          <span className="shrink-0 text-muted">
            <When at={event.at} now={now} />
          </span>
        </li>
      ))}
    </ol>
  </Card>
)
