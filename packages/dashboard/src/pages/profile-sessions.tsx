// Where one is signed in, and how to end that.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { t } from '../text/t.ts'
import { exact, relative, useNow } from '../time.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'

export function SessionsCard() {
  const queries = useQueryClient()
  const now = useNow(10_000)
  const sessions = useQuery({ queryKey: ['sessions'], queryFn: () => api.sessions.list() })
  const refresh = { onSettled: () => queries.invalidateQueries({ queryKey: ['sessions'] }) }
  const end = useMutation({ mutationFn: (id: string) => api.sessions.end(id), ...refresh })
  const endOthers = useMutation({ mutationFn: () => api.sessions.endOthers(), ...refresh })
  const rows = sessions.data?.data ?? []
  return (
    <Card
      title={t('Where you are signed in')}
      aside={
        <Button
          small
          reason={rows.length > 1 ? undefined : t('There is no other session.')}
          busy={endOthers.isPending}
          onClick={() => endOthers.mutate()}
        >
          {t('End all others')}
        </Button>
      }
    >
      <Refusal error={sessions.error ?? end.error ?? endOthers.error} />
      <ul className="-my-1 divide-y divide-line">
        {rows.map((session) => {
          const client = visible(session.client ?? t('Unknown client'))
          return (
            <li key={session.id} className="flex flex-wrap items-center justify-between gap-3 py-3">
              <div className="min-w-0">
                <p className="font-medium wrap-anywhere">
                  {client} {session.current && <Badge tone="good">{t('this one')}</Badge>}
                </p>
                <p className="text-sm text-muted" title={exact(session.started_at)}>
                  {session.address
                    ? t('Signed in {when}, seen {when2}, from {address}', {
                        when: relative(session.started_at, now),
                        when2: relative(session.last_seen_at, now),
                        address: session.address,
                      })
                    : t('Signed in {when}, seen {when2}', {
                        when: relative(session.started_at, now),
                        when2: relative(session.last_seen_at, now),
                      })}
                </p>
              </div>
              {!session.current && (
                <Button
                  small
                  busy={end.isPending}
                  onClick={() => end.mutate(session.id)}
                  aria-label={t('End the session of {client}, signed in {when}', { client, when: exact(session.started_at) })}
                >
                  {t('End')}
                </Button>
              )}
            </li>
          )
        })}
      </ul>
    </Card>
  )
}
