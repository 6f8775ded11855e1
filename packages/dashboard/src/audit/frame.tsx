// What the pages of the record share: who and what an event names, its number in the log, and how the sealing stands.
import type { Event, RouteAnswer } from '@countersign/sdk'
import { Link } from 'wouter'
import { Figure, figure, When } from '../jobs/frame.tsx'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { Badge } from '../ui/badge.tsx'

export type Status = RouteAnswer<'GET /audit/status'>

export const Mono = ({ text }: { text: string }) => <span className="font-mono text-xs text-muted wrap-anywhere">{text}</span>

/** Resources that have a page of their own lead there. */
export function Resource({ resource }: { resource: Event['resource'] }) {
  if (!resource) return <span className="text-muted">–</span>
  const to = { task: paths.task, job: paths.job }[resource.type]
  return (
    <span className="flex flex-col items-start">
      {wireWord(resource.type)}
      {to ? (
        <Link href={to(resource.id)} className="font-mono text-xs wrap-anywhere">
          {resource.id}
        </Link>
      ) : (
        <Mono text={resource.id} />
      )}
    </span>
  )
}

export const Who = ({ actor }: { actor: Pick<Event['actor'], 'type' | 'id'> }) => (
  <span className="flex flex-col">
    {wireWord(actor.type)}
    <Mono text={actor.id} />
  </span>
)

const STATES = {
  ok: { tone: 'good', word: t('in time') },
  warn: { tone: 'warn', word: t('late') },
  outage: { tone: 'bad', word: t('stands still') },
} as const

/** Where the chain ends, how far behind it is, and what was signed last. */
export function ChainFigures({ status, now }: { status: Status; now: number }) {
  const { state, lag_seconds, waiting, head, checkpoint } = status
  return (
    <dl className="grid gap-3 sm:grid-cols-3">
      <Figure
        name={t('Sealed events')}
        value={figure(head?.seq ?? 0)}
        hint={
          head ? (
            <>
              {t('last sealed')} {<When at={head.sealed_at} now={now} />}
            </>
          ) : (
            t('The first are sealed within a second.')
          )
        }
      />
      <Figure
        name={t('Sealing')}
        value={<Badge tone={STATES[state].tone}>{STATES[state].word}</Badge>}
        hint={
          waiting > 0
            ? t('{waiting} wait, the oldest for {lagSeconds} s', { waiting: figure(waiting), lagSeconds: lag_seconds ?? 0 })
            : t('Nothing waits.')
        }
      />
      <Figure
        name={t('Newest checkpoint')}
        value={checkpoint ? figure(checkpoint.size) : '–'}
        hint={
          checkpoint ? (
            <>
              {t('events, signed')} {<When at={checkpoint.created_at} now={now} />}
            </>
          ) : (
            t('The first is signed with the first seal.')
          )
        }
      />
    </dl>
  )
}
