// The record of one task (T160): every event with who, how, from which state to which, what changed, where it is sealed, and whether this browser finds it as it was sealed.
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { useLive } from '../live.tsx'
import { paths } from '../paths.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { Entry } from './entry.tsx'
import { stepsOf } from './states.ts'
import { useVerdicts } from './use-verdicts.ts'

/** Two requests check an entry. */
const AT_ONCE = 25

export function RecordPage() {
  const { id = '' } = useParams<{ id: string }>()
  const { refetchInterval } = useLive()
  const now = useNow(30_000)
  const task = useQuery({ queryKey: ['task', id, 'plain'], queryFn: () => api.tasks.get(id), refetchInterval })
  const { rows, query } = useList(['task', id, t('whole record')], (cursor) => api.tasks.record(id, { cursor, limit: AT_ONCE }), {
    refetchInterval,
  })
  const { closed, keys, judged } = useVerdicts(rows)
  useTitle(t('Record · {task}', { task: task.data?.task.slice(0, 40) ?? 'task' }))
  const steps = stepsOf(rows)
  const of = (state: string) => judged.filter(({ verdict }) => verdict?.state === state).length
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.task(id)} className="self-start text-muted hover:text-text hover:underline">
        {t('← Task')}
      </Link>
      <div className="flex flex-col gap-1">
        <PageTitle title={t('Record')} />
        {task.data && (
          <p className="text-muted">
            <AgentText text={task.data.task} />
          </p>
        )}
      </div>
      <Refusal error={query.error ?? keys.error} />
      {closed !== undefined && <Banner tone="info">{`${closed} ${t('What is shown here is not checked.')}`}</Banner>}
      {of('fails') > 0 && (
        <Banner tone="error">
          {t(
            '{failed, plural, one {An entry does not verify} other {{failed} entries do not verify}}: it is not what was sealed, or the proof is not what was signed. Tell whoever runs this installation, and compare with an export or a note that you kept.',
            { failed: of('fails') },
          )}
        </Banner>
      )}
      {closed === undefined && rows.length > 0 && (
        <p role="status" className="text-muted">
          {of('waits') > 0
            ? t(
                '{verified} of {rows} {rows, plural, one {entry} other {entries}} verified in this browser, {waiting} not signed yet.',
                {
                  verified: of('verified'),
                  rows: rows.length,
                  waiting: of('waits'),
                },
              )
            : t('{verified} of {rows} {rows, plural, one {entry} other {entries}} verified in this browser.', {
                verified: of('verified'),
                rows: rows.length,
              })}
        </p>
      )}
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      <ol className="flex flex-col gap-3" aria-label={t('Record')}>
        {rows.map((entry, i) => (
          <Entry
            key={entry.id}
            entry={entry}
            now={now}
            task={task.data}
            step={steps.get(entry.id)}
            closed={closed !== undefined}
            judged={judged[i]}
          />
        ))}
      </ol>
      <More query={query} />
      {keys.data && (
        <Card title={t('The keys that sign')}>
          <p className="text-muted">
            {rich('A check is worth as much as the keys: compare them with those that you keep elsewhere ({code}).', {
              code: <code className="font-mono text-sm">countersign audit keys</code>,
            })}
          </p>
          <Copyable label={t('the keys')} text={(keys.data.verifier_keys ?? []).join('\n')} block />
        </Card>
      )}
    </div>
  )
}
