// What must not be overlooked above the inbox: tasks that nobody could be asked or told of, and channels that do not get through. Shown to whom it is open.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { useLive } from '../live.tsx'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { visible } from '../ui/marks.ts'
import { useRouting } from './frame.tsx'

const FIRST = 5
const CHANNEL: Record<string, string> = {
  email: t('mail'),
  slack: t('Slack'),
  webhook: t('webhooks'),
  push: t('push'),
}

export function RoutingWarnings() {
  const { refetchInterval } = useLive()
  const enabled = useRouting()
  const lost = useQuery({
    queryKey: ['tasks', 'unrouted'],
    queryFn: () => api.tasks.list({ unrouted: true, sort: 'deadline', limit: FIRST }),
    refetchInterval,
  })
  const troubles = useQuery({
    queryKey: ['routing', 'troubles'],
    queryFn: () => api.call('GET /channels/troubles', {}),
    refetchInterval: 30_000,
    enabled,
  })
  const rows = lost.data?.data ?? []
  return (
    <>
      {rows.length > 0 && (
        <Banner tone="warning">
          {t(
            '{rows, plural, one {Nobody could be asked or told of one task} other {Nobody could be asked or told of some tasks}}; the fallback pool has {rows, plural, one {it} other {them}}:',
            { rows: rows.length },
          )}{' '}
          {rows.map((task, i) => (
            <span key={task.id}>
              {i > 0 && ', '}
              <Link href={paths.task(task.id)} className="underline wrap-anywhere">
                {visible(task.task.slice(0, 80))}
              </Link>
            </span>
          ))}
          {lost.data?.next_cursor ? ` ${t('and more.')}` : '.'}
        </Banner>
      )}
      {(troubles.data?.data ?? []).map((trouble) => (
        <Banner key={trouble.channel} tone="warning">
          {trouble.last_reason
            ? t(
                '{failed, plural, one {A notice} other {{failed} notices}} by {channel} did not get through within the hour: {reason}',
                { failed: trouble.failed, channel: CHANNEL[trouble.channel], reason: visible(trouble.last_reason) },
              )
            : t('{failed, plural, one {A notice} other {{failed} notices}} by {channel} did not get through within the hour.', {
                failed: trouble.failed,
                channel: CHANNEL[trouble.channel],
              })}
        </Banner>
      ))}
    </>
  )
}
