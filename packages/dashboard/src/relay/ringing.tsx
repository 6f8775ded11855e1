// A live call that nobody has answered yet (relay.md R20): it rings, and whoever may answers or declines it with one click, as the agent's side. A policy may want others to see it first.
import type { Thread, ThreadEvent } from '@countersign/sdk'
import { useMutation } from '@tanstack/react-query'
import type { api } from '../api.ts'
import { span } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { t } from '../text/t.ts'
import { exact, relative } from '../time.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import type { Side } from './reading.ts'
import { isOpen } from './words.tsx'

type Props = {
  thread: Thread
  side: Side
  until: string | null
  /** Whoever reads the thread, by its token (R114). */
  client: typeof api
  now: number
  onSent: () => void
}

export const rings = ({ live, answered_at, state }: Thread): boolean =>
  live && answered_at === null && state !== 'awaiting_approval' && isOpen({ state })

/** Until when it rings; null before its event is there. */
export function ringsUntil(events: readonly Pick<ThreadEvent, 'type' | 'data'>[]): string | null {
  const until = events.findLast(({ type }) => type === 'thread.ringing')?.data.until
  return typeof until === 'string' ? until : null
}

/** What happens next while it rings. */
export const ringsNext = (side: Side, until: string | null): string => {
  const end = until === null ? '' : ` ${t('Nobody answering, it ends by itself on {when}.', { when: exact(until) })}`
  return (side === 'owner' ? t('It rings in the inbox of your side.') : t('It rings at the other side.')) + end
}

/** Answered or not, and for how long. */
export const callWord = ({ answered_at, duration_ms, ended_at }: Thread): string =>
  answered_at === null
    ? ended_at === null
      ? t('not answered yet')
      : t('not answered')
    : duration_ms === null
      ? t('answered on {when}', { when: exact(answered_at) })
      : t('answered on {when}, for {span}', { when: exact(answered_at), span: span(duration_ms) })

export function Ringing({ thread, side, until, client, now, onSent }: Props) {
  const me = useUser()
  const answer = useMutation({
    mutationFn: (outcome: 'progress' | 'rejected') =>
      client.call('POST /threads/:id/responses', { params: { id: thread.id }, body: { outcome } }),
    onSettled: onSent,
  })
  const closed = closedTo(me, 'thread.respond', t('answer in threads'))
  const isHeld = answer.data?.approval != null
  const left = until !== null && Date.parse(until) > now ? relative(until, now) : null
  return (
    <section aria-label={t('Call')} className="card flex flex-col gap-3 border-accent! p-5">
      <div className="flex flex-wrap items-center justify-between gap-4">
        <p className="text-lg font-semibold">
          {side === 'owner' ? t('A call rings') : t('Ringing')}
          {left !== null && <span className="ml-2 text-sm font-normal text-muted">{t('ends {left}', { left })}</span>}
        </p>
        {side === 'owner' && (
          <div className="flex flex-wrap gap-2">
            <Button
              tone="primary"
              reason={closed}
              busy={answer.isPending || answer.isSuccess}
              onClick={() => answer.mutate('progress')}
            >
              {t('Answer the call')}
            </Button>
            <Button
              tone="danger"
              reason={closed}
              busy={answer.isPending || answer.isSuccess}
              onClick={() => answer.mutate('rejected')}
            >
              {t('Decline')}
            </Button>
          </div>
        )}
      </div>
      <Refusal error={answer.error} />
      {isHeld && (
        <Banner tone="info">{t('A policy wants people to approve this answer first. It goes out once they have.')}</Banner>
      )}
    </section>
  )
}
