// The rows of the inbox, the most pressing group first, and the keys that walk through them. When a row goes while one stands on it, the focus goes to the next one
// and a screen reader hears so; when it moves to another group, the focus goes with it.
import type { TaskListItem } from '@countersign/sdk'
import { type FocusEvent, type ReactNode, useEffect, useId, useLayoutEffect, useRef } from 'react'
import { useLocation } from 'wouter'
import { useKeys } from '../keyboard/keys.ts'
import { useLive } from '../live.tsx'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { Row } from './row.tsx'

const HOUR_MS = 3_600_000
const GROUPS = [
  { name: t('Within the hour'), upTo: HOUR_MS },
  { name: t('Within a day'), upTo: 24 * HOUR_MS },
  { name: t('Later'), upTo: Number.POSITIVE_INFINITY },
]

// Who comes back from a task stands where they left.
let lastOpened = ''

type Props = {
  rows: TaskListItem[]
  now: number
  urgency: boolean
  chosen: ReadonlySet<string>
  onChoose: (id: string, on: boolean) => void
  onClaim: (task: TaskListItem) => void
  previewed: string | null
  /** The row on which one stands. */
  onStand: (id: string) => void
}

export function TaskRows({ rows, now, urgency, chosen, onChoose, onClaim, previewed, onStand }: Props) {
  const me = useUser()
  const [, go] = useLocation()
  const { list, stood, step } = useStanding()
  const onFocus = (event: FocusEvent) => {
    const link = event.target.closest('li')?.querySelector<HTMLAnchorElement>('a[data-task]')
    if (link) onStand(stood(link))
  }
  const current = () => {
    const id = document.activeElement?.closest('li')?.querySelector<HTMLElement>('a[data-task]')?.dataset.task
    return rows.find((task) => task.id === id)
  }
  const at = (act: (task: TaskListItem) => void) => () => {
    const task = current()
    if (task) act(task)
  }
  const open = (what: 'accept' | 'edit' | 'respond' | 'deny') =>
    at((task) => {
      lastOpened = task.id
      go(paths.task(task.id, what))
    })
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    x: at((task) => onChoose(task.id, !chosen.has(task.id))),
    c: at(onClaim),
    a: open('accept'),
    d: open('deny'),
    e: open('edit'),
    r: open('respond'),
  })

  const row = (task: TaskListItem) => (
    <Row
      key={task.id}
      task={task}
      now={now}
      me={me.id}
      chosen={chosen.has(task.id)}
      onChoose={onChoose}
      isPreviewed={task.id === previewed}
      onOpen={(id) => {
        lastOpened = id
      }}
    />
  )
  const left = (task: TaskListItem) => Date.parse(task.deadline_at) - now
  const groups = GROUPS.map(({ name, upTo }, i) => {
    const from = GROUPS[i - 1]?.upTo ?? Number.NEGATIVE_INFINITY
    return { name, tasks: rows.filter((task) => left(task) > from && left(task) <= upTo) }
  })
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only learns where in it the focus is
    <div ref={list} onFocus={onFocus} className="@container flex min-w-0 flex-col gap-5">
      {!urgency && rows.length > 0 && <Rows>{rows.map(row)}</Rows>}
      {urgency &&
        groups.map(
          ({ name, tasks }) =>
            tasks.length > 0 && (
              <Group key={name} name={name}>
                {tasks.map(row)}
              </Group>
            ),
        )}
    </div>
  )
}

type Standing = { element: HTMLElement; id: string; at: number }

/** Where in the list the focus is, and that it stays in the list when the list changes under it. */
function useStanding() {
  const list = useRef<HTMLDivElement>(null)
  const last = useRef<Standing | null>(null)
  const { announce } = useLive()
  const links = () => [...(list.current?.querySelectorAll<HTMLAnchorElement>('a[data-task]') ?? [])]

  const wanted = useRef(lastOpened)
  useEffect(() => {
    lastOpened = ''
  }, [])
  useEffect(() => {
    const all = wanted.current === '' ? [] : links()
    if (all.length === 0) return
    all.find(({ dataset }) => dataset.task === wanted.current)?.focus()
    wanted.current = ''
  })

  useLayoutEffect(() => {
    const had = last.current
    if (!had) return
    const all = links()
    if (had.element.isConnected) {
      had.at = Math.max(0, all.indexOf(had.element as HTMLAnchorElement))
      // Whoever has gone elsewhere since is left there.
      if (document.activeElement !== document.body && !list.current?.contains(document.activeElement)) last.current = null
      return
    }
    last.current = null
    if (document.activeElement !== document.body) return
    const same = all.find(({ dataset }) => dataset.task === had.id)
    if (!same) announce(t('The task at which you were is no longer in this list.'))
    ;(same ?? all[Math.min(had.at, all.length - 1)] ?? document.getElementById('main'))?.focus()
  })

  const stood = (link: HTMLAnchorElement): string => {
    last.current = { element: link, id: link.dataset.task ?? '', at: links().indexOf(link) }
    return last.current.id
  }
  const step = (by: number) => {
    const all = links()
    const here = document.activeElement?.closest('li')?.querySelector<HTMLAnchorElement>('a[data-task]')
    const at = here ? all.indexOf(here) : -1
    all[Math.max(0, Math.min(all.length - 1, at + by))]?.focus()
  }
  return { list, stood, step }
}

function Group({ name, children }: { name: string; children: ReactNode }) {
  const id = useId()
  return (
    <section aria-labelledby={id} className="flex flex-col gap-2">
      <h2 id={id} className="text-sm font-medium text-muted">
        {name}
      </h2>
      <Rows>{children}</Rows>
    </section>
  )
}

const Rows = ({ children }: { children: ReactNode }) => <ul className="card divide-y divide-line overflow-hidden">{children}</ul>
