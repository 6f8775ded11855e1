// The queues (Q141): how deep each is, how old its oldest job, who serves it. A queue is paused for the whole installation, its figures are the tenant's.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Refusal } from '../ui/refusal.tsx'
import { Empty, figure, JobsFrame, LIVE, PauseButton, Paused, span, Table, waiting } from './frame.tsx'
import { usePauseQueue } from './pause-queue.ts'

export function QueuesPage() {
  useTitle(t('Queues'))
  const me = useUser()
  const queues = useQuery({ queryKey: ['queue', 'queues'], queryFn: () => api.call('GET /queues'), ...LIVE })
  const pause = usePauseQueue()
  const rows = queues.data?.data ?? []
  return (
    <JobsFrame title={t('Queues')}>
      <Refusal error={queues.error ?? pause.error} />
      {queues.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {queues.data && rows.length === 0 && <Empty>{t('No queue yet. One begins with its first job.')}</Empty>}
      {rows.length > 0 && (
        <Table
          label={t('Queues')}
          rows={rows}
          id={(queue) => queue.name}
          columns={[
            {
              name: t('Queue'),
              cell: (queue) => (
                <>
                  <Link href={paths.queueOf(queue.name)} data-content="">
                    {queue.name}
                  </Link>{' '}
                  <Paused at={queue.paused_at} />
                </>
              ),
            },
            { name: t('Waiting'), right: true, cell: (queue) => `${queue.estimated ? '≈ ' : ''}${figure(waiting(queue.depth))}` },
            { name: t('Running'), right: true, cell: (queue) => figure(queue.depth.running ?? 0) },
            { name: t('Oldest ready'), right: true, cell: (queue) => span(queue.oldest_ready_ms) },
            { name: t('Workers'), right: true, cell: (queue) => figure(queue.workers) },
            {
              name: t('Acts'),
              right: true,
              cell: ({ name, paused_at }) => {
                const paused = paused_at !== null
                const reason = closedTo(me, 'queue.pause', paused ? t('resume queues') : t('pause queues'))
                const busy = pause.isPending && pause.variables.name === name
                return (
                  <PauseButton
                    name={name}
                    paused={paused}
                    reason={reason}
                    act={{ busy, go: () => pause.mutate({ name, paused }) }}
                  />
                )
              },
            },
          ]}
        />
      )}
    </JobsFrame>
  )
}
