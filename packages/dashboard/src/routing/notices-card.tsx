// Who was told of a task, by what, and what became of it; whoever may change the task tells somebody again.
import type { RouteAnswer, Task } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { useLive } from '../live.tsx'
import { t } from '../text/t.ts'
import { exact, relative, useNow } from '../time.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'

type Notice = RouteAnswer<'GET /tasks/:id/notices'>['data'][number]

const STATES: Record<Notice['state'], { word: string; tone: Tone }> = {
  queued: { word: t('on its way'), tone: 'info' },
  sent: { word: t('sent'), tone: 'good' },
  rewritten: { word: t('up to date'), tone: 'good' },
  failed: { word: t('failed'), tone: 'bad' },
  expired: { word: t('not needed'), tone: 'quiet' },
}
const CHANNELS: Record<Notice['channel'], string> = {
  email: t('Mail'),
  slack: t('Slack'),
  webhook: t('Webhook'),
  push: t('Push'),
}

export function NoticesCard({ task }: { task: Task }) {
  const { refetchInterval } = useLive()
  const now = useNow()
  const read = useQuery({
    queryKey: ['task', task.id, 'notices'],
    queryFn: () => api.call('GET /tasks/:id/notices', { params: { id: task.id } }),
    refetchInterval,
  })
  const rows = read.data?.data ?? []
  if (rows.length === 0 && task.warnings.length === 0) return null
  return (
    <Card title={t('Who was told')}>
      {task.warnings.map(({ code, message }) => (
        <p key={code} className="text-sm text-warn">
          ⚠ {message}
        </p>
      ))}
      <ul className="flex flex-col divide-y divide-line">
        {rows.map((notice) => (
          <Row key={notice.id} notice={notice} task={task} now={now} />
        ))}
      </ul>
    </Card>
  )
}

function Row({ notice, task, now }: { notice: Notice; task: Task; now: number }) {
  const queries = useQueryClient()
  const again = useMutation({
    mutationFn: () => api.call('POST /tasks/:id/notices/:notice/resend', { params: { id: task.id, notice: notice.id } }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id, 'notices'] }),
  })
  const { word, tone } = STATES[notice.state]
  const who = visible(notice.display_name ?? notice.target ?? t('somebody'))
  const at = notice.sent_at ?? notice.failed_at ?? notice.created_at
  const last = notice.reasons.at(-1)
  const open = task.status === 'open' || task.status === 'returned'
  const closed = !open
    ? t('Nobody is told of a task that does not wait for them.')
    : notice.state === 'queued'
      ? t('It is on its way already.')
      : undefined
  return (
    <li className="flex flex-wrap items-start justify-between gap-x-3 gap-y-1 py-2.5">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2">
          <span className="font-medium wrap-anywhere">{who}</span> <Badge tone={tone}>{word}</Badge>
        </p>
        <p className="text-sm text-muted wrap-anywhere">
          {notice.digest_id
            ? t('{channel}, together with others', { channel: CHANNELS[notice.channel] })
            : CHANNELS[notice.channel]}{' '}
          · <time title={exact(at)}>{relative(at, now)}</time>
          {notice.attempts > 1 ? ` · ${t('{attempts} attempts', { attempts: notice.attempts })}` : ''}
        </p>
        {last && notice.state !== 'sent' && notice.state !== 'rewritten' && (
          <p className="text-sm text-danger wrap-anywhere">{visible(last.reason)}</p>
        )}
        <Refusal error={again.error} />
      </div>
      {task.may.includes('update') && (
        <Button
          small
          reason={closed}
          busy={again.isPending}
          aria-label={t('Tell again: {who}', { who })}
          onClick={() => again.mutate()}
        >
          {t('Tell again')}
        </Button>
      )}
    </li>
  )
}
