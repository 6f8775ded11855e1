// What the pages of the queue share: their navigation, the words and colours of states, figures as people say them, and the act that reads the page again.
import type { JobRow, RouteAnswer } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { exact, relative } from '../time.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Sections } from '../ui/sections.tsx'

/** Pages of the queue follow what happens by reading again. */
export const LIVE = { refetchInterval: 2_000 } as const

const PLACES = [
  { name: t('Overview'), path: paths.queue() },
  { name: t('Jobs'), path: paths.jobs() },
  { name: t('Queues'), path: paths.queues() },
  { name: t('Kinds'), path: paths.kinds() },
  { name: t('Schedules'), path: paths.schedules() },
  { name: t('Dead letters'), path: paths.deadLetters() },
  { name: t('Callbacks'), path: paths.callbacks() },
  { name: t('Engine'), path: paths.engine() },
]

type FrameProps = { title: string; aside?: ReactNode; children: ReactNode }

export const JobsFrame = (props: FrameProps) => <Sections name={t('Queue')} places={PLACES} {...props} />

type State = JobRow['state']
const TONES: Record<State, Tone> = {
  ready: 'info',
  running: 'info',
  waiting: 'warn',
  scheduled: 'quiet',
  retrying: 'warn',
  blocked: 'warn',
  completed: 'good',
  failed: 'bad',
  cancelled: 'quiet',
}
export const STATES = Object.keys(TONES) as State[]

export function StateBadge({ job }: { job: Pick<JobRow, 'state' | 'state_reason'> }) {
  return (
    <Badge tone={TONES[job.state]}>
      {wireWord(job.state)}
      {job.state_reason && job.state !== 'completed' ? ` · ${wireWord(job.state_reason)}` : ''}
    </Badge>
  )
}

const FIGURE = new Intl.NumberFormat(undefined)
export const figure = (n: number | null | undefined): string => (n === null || n === undefined ? '–' : FIGURE.format(n))

/** 3 ms, 1.2 s, 4 min. */
export function span(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1_000) return t('{count} ms', { count: ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms) })
  if (ms < 60_000) return t('{count} s', { count: Math.round(ms / 100) / 10 })
  if (ms < 3_600_000) return t('{count} min', { count: Math.round(ms / 60_000) })
  return t('{count} h', { count: Math.round(ms / 3_600_000) })
}

export function When({ at, now }: { at: string | null | undefined; now: number }) {
  if (!at) return <span className="text-muted">–</span>
  return (
    <time dateTime={at} title={exact(at)} className="whitespace-nowrap">
      {relative(at, now)}
    </time>
  )
}

export const waiting = (depth: Record<string, number>): number =>
  (depth.ready ?? 0) + (depth.scheduled ?? 0) + (depth.retrying ?? 0)

/** An act on the queue: afterwards every page of it is read again. */
export function useAct<T, A>(act: (given: A) => Promise<T>, done?: (answer: T) => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: done,
    onSettled: () => queries.invalidateQueries({ queryKey: ['queue'] }),
  })
}

type Column<T> = { name: string; right?: boolean; cell: (row: T) => ReactNode }

/** Rows of figures; the first column names the row. */
export function Table<T>({
  label,
  columns,
  rows,
  id,
}: {
  label: string
  columns: Column<T>[]
  rows: T[]
  id: (row: T) => string
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reachable by keyboard
    <section className="card overflow-x-auto" aria-label={label} tabIndex={0}>
      <table className="w-full text-sm [&_a]:underline [&_a]:decoration-line-strong [&_a]:underline-offset-4">
        <thead>
          <tr className="border-b border-line text-left text-muted">
            {columns.map((column) => (
              <th
                key={column.name}
                scope="col"
                className={`whitespace-nowrap px-4 py-2 font-medium ${column.right ? 'text-right' : ''}`}
              >
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {rows.map((row) => (
            <tr key={id(row)} className="hover:bg-sunken">
              {columns.map((column, i) =>
                i === 0 ? (
                  <th key={column.name} scope="row" className="min-w-44 px-4 py-2 text-left font-medium wrap-anywhere">
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.name} className={`px-4 py-2 ${column.right ? 'text-right tabular-nums' : 'min-w-24'}`}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="card p-6 text-muted">{children}</p>
}

/** One large figure with its name. */
export function Figure({ name, value, hint }: { name: string; value: ReactNode; hint?: ReactNode }) {
  return (
    <div className="card flex flex-col gap-1 p-4">
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="text-2xl font-semibold tabular-nums">{value}</dd>
      {hint && <dd className="text-sm text-muted">{hint}</dd>}
    </div>
  )
}

/** Two buttons in one place: what runs is paused, what is paused resumes. `name` says to everybody which one it is. */
export function PauseButton({
  name,
  paused,
  reason,
  act,
}: {
  name: string
  paused: boolean
  reason?: string | undefined
  act: { busy: boolean; go: () => void }
}) {
  return (
    <Button
      small
      reason={reason}
      busy={act.busy}
      aria-label={paused ? t('Resume {name}', { name }) : t('Pause {name}', { name })}
      onClick={act.go}
    >
      {paused ? t('Resume') : t('Pause')}
    </Button>
  )
}

export const Paused = ({ at }: { at: string | null }) => at && <Badge tone="warn">{t('paused')}</Badge>

export { wireWord as words } from '../text/wire.ts'

export type Ring = RouteAnswer<'GET /ring'>
