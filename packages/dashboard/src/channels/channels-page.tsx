// The ways in which people are told: whether each is set up, whether it gets through, what failed last, and where it is tried out. Shows no address and no content.
import type { RouteAnswer } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { Table, When } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { CHANNELS } from '../slack/channels.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { Sections } from '../ui/sections.tsx'

type State = RouteAnswer<'GET /channels'>['data'][number]
type Row = State & { name: string; about: string; path: string }

const ABOUT: Record<string, { name: string; about: string; path: string }> = {
  email: { name: t('Mail'), about: t('Buttons and a link that open the question without a sign-in.'), path: paths.mail() },
  slack: { name: t('Slack'), about: t('A message with buttons, or with a form behind one.'), path: paths.slack() },
  webhook: {
    name: t('Endpoints'),
    about: t('Teams, Discord, Google Chat, and programs of your own.'),
    path: paths.channelEndpoints(),
  },
}

export function ChannelsPage() {
  useTitle(t('Channels'))
  const now = useNow()
  const closed = closedTo(useUser(), 'task.route', t('see how people are told'))
  const list = useQuery({
    queryKey: ['channels'],
    queryFn: () => api.call('GET /channels'),
    enabled: closed === undefined,
    refetchInterval: 10_000,
  })
  const rows: Row[] = (list.data?.data ?? []).flatMap((one) => {
    const about = ABOUT[one.channel]
    return about ? [{ ...one, ...about }] : []
  })
  return (
    <Sections name={t('Channels')} places={CHANNELS} title={t('Channels')}>
      {closed && <Banner tone="info">{closed}</Banner>}
      <Refusal error={list.error} />
      {rows.length > 0 && (
        <Table
          label={t('Channels')}
          rows={rows}
          id={(one) => one.channel}
          columns={[
            {
              name: t('Channel'),
              cell: (one) => (
                <span className="flex flex-col items-start">
                  <span>{one.name}</span>
                  <span className="text-xs font-normal text-muted">{one.about}</span>
                </span>
              ),
            },
            { name: t('State'), cell: (one) => <Standing one={one} /> },
            {
              name: t('Last notice'),
              cell: (one) => (one.last_sent_at ? <When at={one.last_sent_at} now={now} /> : t('none yet')),
            },
            { name: t('Last fault'), cell: (one) => <Fault one={one} now={now} /> },
            { name: t('Acts'), cell: (one) => <Link href={one.path}>{t('Set up and test {name}', { name: one.name })}</Link> },
          ]}
        />
      )}
      <p className="max-w-prose text-muted">
        {t(
          'A channel that is not set up tells nobody; a task that names it says so. Each person chooses on their profile by what they hear of tasks.',
        )}
      </p>
    </Sections>
  )
}

function Standing({ one }: { one: State }) {
  if (!one.ready) return <Badge tone="quiet">{t('Not set up')}</Badge>
  if (one.failed === 0) return <Badge tone="good">{t('Gets through')}</Badge>
  return (
    <Badge tone="bad">
      {one.failed === 1 ? t('One failed today') : t('{failed} failed within a day', { failed: one.failed })}
    </Badge>
  )
}

const Fault = ({ one, now }: { one: State; now: number }) =>
  one.last_failed_at === null ? (
    <span className="text-muted">–</span>
  ) : (
    <span className="flex flex-col items-start">
      <span className="wrap-anywhere">{visible(one.last_reason ?? t('Why is not known.'))}</span>
      <span className="text-xs text-muted">
        <When at={one.last_failed_at} now={now} />
      </span>
    </span>
  )
