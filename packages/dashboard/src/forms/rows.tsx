// An ordered list whose rows open, move, go and come, by pointer and by keyboard alike: the focus goes where the row goes, to the neighbour of one that is gone, and into one that
// came. What stands in a row it does not know.
import { type ReactNode, useLayoutEffect, useRef, useState } from 'react'
import { t } from '../text/t.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { useEditing } from './context.ts'
import type { Raw } from './kinds.ts'

type Props = {
  label: string
  items: readonly Raw[]
  /** Where the list stands in the definition. */
  at: string
  nameOf: (item: Raw) => string
  noteOf?: (item: Raw) => string
  onChange: (items: Raw[]) => void
  /** Why none may be removed. */
  keep?: string | undefined
  children: (item: Raw, index: number, replace: (item: Raw) => void) => ReactNode
}

const rowAt = (i: number) => `:scope > [data-row="${i}"]`

export function Rows({ label, items, at, nameOf, noteOf, onChange, keep, children }: Props) {
  const { isWrongIn } = useEditing()
  const [open, setOpen] = useState<number | null>(null)
  const [said, setSaid] = useState('')
  const list = useRef<HTMLOListElement>(null)
  const wanted = useRef<string | null>(null)
  const count = useRef(items.length)

  // What has the focus after a change is there only after it was drawn; before it is seen, so that nothing typed meanwhile is lost.
  useLayoutEffect(() => {
    if (wanted.current === null) return
    const target = list.current?.querySelector<HTMLElement>(wanted.current)
    if (!target) return
    wanted.current = null
    target.focus()
    if (target instanceof HTMLInputElement) target.select()
  })
  useLayoutEffect(() => {
    if (items.length === count.current + 1) {
      setOpen(items.length - 1)
      wanted.current = `${rowAt(items.length - 1)} > [data-body] :is(input, select, textarea)`
      setSaid(t('{name} was added.', { name: nameOf(items.at(-1) as Raw) }))
    }
    count.current = items.length
  }, [items, nameOf])

  const move = (from: number, to: number) => {
    const moved = [...items]
    moved.splice(to, 0, ...moved.splice(from, 1))
    const isEnd = to === 0 || to === items.length - 1
    // At an end the button that led there leads no further; the other one does.
    wanted.current = `${rowAt(to)} [data-act="${isEnd ? (to === 0 ? 'down' : 'up') : to < from ? 'up' : 'down'}"]`
    if (open === from) setOpen(to)
    else if (open === to) setOpen(from)
    setSaid(t('{name} is now {place} of {count}.', { name: nameOf(items[from] as Raw), place: to + 1, count: items.length }))
    onChange(moved)
  }
  const remove = (i: number) => {
    wanted.current = `${rowAt(Math.min(i, items.length - 2))} [data-act="open"]`
    setOpen(null)
    setSaid(t('{name} was removed.', { name: nameOf(items[i] as Raw) }))
    onChange(items.filter((_, at) => at !== i))
  }
  return (
    <div className="flex flex-col gap-2">
      <ol ref={list} aria-label={label} className="flex flex-col gap-2">
        {items.map((item, i) => {
          const name = visible(nameOf(item)).slice(0, 80)
          const isOpen = open === i
          const isWrong = isWrongIn(`${at}/${i}`)
          return (
            <li
              // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place: it moves with its focus, and its name is being typed
              key={i}
              data-row={i}
              className={`rounded-lg border bg-raised ${isWrong ? 'border-danger' : 'border-line-strong'}`}
            >
              <div className="flex items-center gap-1 py-1 pr-1 pl-1.5">
                <button
                  type="button"
                  data-act="open"
                  aria-expanded={isOpen}
                  onClick={() => setOpen(isOpen ? null : i)}
                  className="flex min-h-9 min-w-0 grow flex-wrap items-center gap-x-3 rounded-md px-1.5 py-1 text-left hover:bg-sunken"
                >
                  <span aria-hidden="true" className="w-3 text-muted">
                    {isOpen ? '▾' : '▸'}
                  </span>
                  <span className="min-w-0 font-medium wrap-anywhere">{name}</span>
                  <span className="ml-auto flex flex-wrap items-center gap-2 text-sm text-muted">
                    {isWrong && <Badge tone="bad">{t('needs a look')}</Badge>}
                    {noteOf?.(item)}
                  </span>
                </button>
                <Act
                  act="up"
                  name={t('Move {name} up', { name })}
                  reason={i === 0 ? t('It is the first.') : undefined}
                  onClick={() => move(i, i - 1)}
                >
                  ↑
                </Act>
                <Act
                  act="down"
                  name={t('Move {name} down', { name })}
                  reason={i === items.length - 1 ? t('It is the last.') : undefined}
                  onClick={() => move(i, i + 1)}
                >
                  ↓
                </Act>
                <Act act="remove" name={t('Remove {name}', { name })} reason={keep} onClick={() => remove(i)}>
                  ✕
                </Act>
              </div>
              {isOpen && (
                <div data-body className="@container flex flex-col gap-4 border-t border-line p-3">
                  {children(item, i, (next) => onChange(items.map((one, at) => (at === i ? next : one))))}
                </div>
              )}
            </li>
          )
        })}
      </ol>
      <p role="status" className="sr-only">
        {visible(said)}
      </p>
    </div>
  )
}

type ActProps = { act: string; name: string; reason: string | undefined; onClick: () => void; children: ReactNode }

const Act = ({ act, name, reason, onClick, children }: ActProps) => (
  <Button small tone="quiet" data-act={act} aria-label={name} reason={reason} className="w-9 px-0" onClick={onClick}>
    <span aria-hidden="true">{children}</span>
  </Button>
)
