// What the agent changed, revision by revision, newest first: its note, and each place with what stood there and what stands there now (T13, T53).
import type { Task } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { api } from '../api.ts'
import { readExact, type Shown, writeExact } from '../exact.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { atPointer } from './at-pointer.ts'

type Change = { revision: number; note: string | null; at: string; places: Place[] }
type Place = { pointer: string; before: string | null; after: string | null }

async function readChanges(id: string, now: Shown): Promise<Change[]> {
  const reply = await api.transport.call('GET', `/tasks/${encodeURIComponent(id)}/revisions`, { taskId: id })
  const tree = readExact(reply.text)
  const rows = (atPointer(tree, '/data') ?? []) as Map<string, Shown>[]
  return rows
    .map((row, i) => {
      const next = rows[i + 1]?.get('before') ?? now
      const changed = (row.get('changed') ?? []) as string[]
      const note = row.get('note')
      return {
        revision: i + 2,
        note: typeof note === 'string' ? note : null,
        at: String(row.get('revised_at')),
        places: changed.map((pointer) => ({
          pointer,
          before: said(atPointer(row.get('before') ?? null, pointer)),
          after: said(atPointer(next, pointer)),
        })),
      }
    })
    .reverse()
}

const said = (value: Shown | undefined): string | null =>
  value === undefined || value === null ? null : typeof value === 'string' ? value : writeExact(value)

export function Changes({ task, shown }: { task: Task; shown: Map<string, Shown> }) {
  const read = useQuery({
    queryKey: ['task', task.id, 'revisions', task.revision],
    queryFn: () => readChanges(task.id, shown),
    enabled: task.revision > 1,
  })
  if (task.revision === 1) return null
  return (
    <Card title={t('What the agent changed')}>
      <Refusal error={read.error} />
      <ol className="flex flex-col gap-5">
        {read.data?.map((change) => (
          <li key={change.revision} className="flex flex-col gap-2">
            <p className="text-sm text-muted">
              {rich('Revision {revision}, {when}', {
                revision: change.revision,
                when: <time dateTime={change.at}>{exact(change.at)}</time>,
              })}
            </p>
            {change.note && (
              <p className="wrap-anywhere">
                <AgentText text={change.note} />
              </p>
            )}
            <dl className="flex flex-col gap-2">
              {change.places.map((place) => (
                <Marked key={place.pointer} {...place} />
              ))}
            </dl>
          </li>
        ))}
      </ol>
    </Card>
  )
}

function Marked({ pointer, before, after }: Place) {
  return (
    <div className="rounded-lg border border-line p-3">
      <dt className="font-mono text-sm text-muted wrap-anywhere">
        <AgentText text={pointer} />
      </dt>
      <dd className="flex flex-col gap-1 pt-1">
        {before !== null && (
          <del className="rounded bg-danger-soft px-2 py-0.5 whitespace-pre-wrap wrap-anywhere">
            <span className="sr-only">{t('before:')} </span>
            <AgentText text={before} />
          </del>
        )}
        {after !== null && (
          <ins className="rounded bg-accent-soft px-2 py-0.5 whitespace-pre-wrap no-underline wrap-anywhere">
            <span className="sr-only">{t('now:')} </span>
            <AgentText text={after} />
          </ins>
        )}
      </dd>
    </div>
  )
}
