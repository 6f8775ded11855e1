// The desk of `countersign dev` (T148): what was mailed, said in Slack and posted, each to be answered here, and the clock. On any other server this page is not there.
import { Problem } from '@countersign/sdk'
import { Link, useSearchParams } from 'wouter'
import { NowherePage } from '../pages/nowhere-page.tsx'
import { paths } from '../paths.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { PageTitle } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { type Clock, type Desk, useAct, useDesk } from './desk.ts'
import { Mails } from './mails.tsx'
import { SlackDesk } from './slack.tsx'
import { Webhooks } from './webhooks.tsx'

const isAbsent = (error: unknown): boolean => error instanceof Problem && error.status === 404

export function DevPage() {
  useTitle(t('Development'))
  const desk = useDesk()
  const ask = useAct<object, { id: string }>('/dev/ask')
  if (isAbsent(desk.error)) return <NowherePage />
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Development')}>
        <Button tone="primary" busy={ask.isPending} onClick={() => ask.mutate({})}>
          {t('Ask me a sample question')}
        </Button>
      </PageTitle>
      <p className="-mt-3 max-w-prose text-muted">
        {t(
          'What this server sends to mail, Slack and webhooks ends here, and nothing of it leaves this machine. Each button does what it does in the real place.',
        )}
      </p>
      <Refusal error={desk.error ?? ask.error} />
      {ask.data && (
        <Banner tone="success">
          {rich('The development agent asked you: <link>Refund order 1042?</link>', {
            link: (words) => (
              <Link href={paths.task(ask.data.id)} className="underline">
                {words}
              </Link>
            ),
          })}
        </Banner>
      )}
      {desk.data && <Parties desk={desk.data} />}
    </div>
  )
}

const SHOWN = ['mail', 'slack', 'webhooks'] as const
type Shown = (typeof SHOWN)[number]

function Parties({ desk }: { desk: Desk }) {
  const [search, setSearch] = useSearchParams()
  const shown = SHOWN.find((one) => one === search.get('show')) ?? 'mail'
  const tabs: Record<Shown, { name: string; count: number }> = {
    mail: { name: t('Mail'), count: desk.mail.mails.length },
    slack: { name: t('Slack'), count: desk.slack?.messages.length ?? 0 },
    webhooks: { name: t('Webhooks'), count: desk.webhooks.received.length },
  }
  return (
    <>
      <ClockCard clock={desk.clock} />
      <nav aria-label={t('Development')} className="flex flex-wrap gap-1 border-b border-line pb-2">
        {SHOWN.map((one) => (
          <button
            key={one}
            type="button"
            aria-current={one === shown ? 'page' : undefined}
            onClick={() => setSearch({ show: one })}
            className="rounded-lg px-3 py-1.5 text-muted hover:bg-sunken hover:text-text aria-[current]:bg-accent-soft aria-[current]:font-medium aria-[current]:text-text"
          >
            {tabs[one].name} <span className="ml-1 text-sm tabular-nums">{tabs[one].count}</span>
          </button>
        ))}
      </nav>
      {shown === 'mail' && <Mails mail={desk.mail} />}
      {shown === 'slack' && <SlackDesk slack={desk.slack} />}
      {shown === 'webhooks' && <Webhooks webhooks={desk.webhooks} now={Date.parse(desk.clock.now)} />}
    </>
  )
}

const JUMPS = [
  ['1m', t('1 minute')],
  ['10m', t('10 minutes')],
  ['1h', t('1 hour')],
  ['1d', t('1 day')],
] as const

function ClockCard({ clock }: { clock: Clock }) {
  const move = useAct<{ by: string }>('/dev/clock')
  return (
    <section aria-label={t('Clock')} className="card flex flex-wrap items-center gap-x-6 gap-y-3 px-5 py-4">
      <div className="min-w-0">
        <p className="font-semibold tabular-nums">
          <time dateTime={clock.now}>{exact(clock.now)}</time>
        </p>
        <p className="text-sm text-muted">
          {clock.ahead_ms === 0
            ? t('The time of this machine. Deadlines, links and sessions age with it; it never goes back.')
            : t('{aheadMs} ahead of this machine. Deadlines, links and sessions age with it; it never goes back.', {
                aheadMs: aheadOf(clock.ahead_ms),
              })}
        </p>
      </div>
      <div className="ml-auto flex flex-wrap gap-2">
        {JUMPS.map(([by, name]) => (
          <Button
            key={by}
            small
            reason={clock.reason ?? undefined}
            busy={move.isPending}
            aria-label={t('Move the clock by {name}', { name })}
            onClick={() => move.mutate({ by })}
          >
            + {name}
          </Button>
        ))}
      </div>
      <div className="basis-full empty:hidden">
        <Refusal error={move.error} />
      </div>
    </section>
  )
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const

function aheadOf(ms: number): string {
  const parts: string[] = []
  let left = ms
  for (const [name, size] of UNITS) {
    const count = Math.floor(left / size)
    left -= count * size
    if (count > 0) parts.push(`${count} ${name}${count === 1 ? '' : 's'}`)
  }
  return parts.slice(0, 2).join(' ')
}
