// A value that an agent sent, as a readable table: every member with its name, numbers digit for digit (T6), a search for what is long, and each value to copy.

import { sentence } from '@countersign/sdk/form'
import { type ReactNode, useDeferredValue, useId, useState } from 'react'
import { Digits, type Shown, writeExact } from '../exact.ts'
import { t } from '../text/t.ts'
import { INPUT } from '../ui/text-field.tsx'
import { AgentText } from './text.tsx'

/** Above so many values a search is worth its room. */
const SEARCHED_FROM = 12

export function Tree({ value }: { value: Shown }) {
  const id = useId()
  const [typed, setTyped] = useState('')
  const wanted = useDeferredValue(typed.trim().toLowerCase())
  const found = wanted === '' ? value : filtered(value, wanted)
  return (
    <div className="flex flex-col gap-3">
      {countOf(value) >= SEARCHED_FROM && (
        <div>
          <label htmlFor={id} className="sr-only">
            {t('Search in this content')}
          </label>
          <input
            id={id}
            type="search"
            placeholder={t('Search in this content')}
            value={typed}
            className={INPUT}
            onChange={(event) => setTyped(event.target.value)}
          />
        </div>
      )}
      {found === undefined ? (
        <p className="text-muted">{t('Nothing here holds “{typed}”.', { typed: typed.trim() })}</p>
      ) : (
        <Branch value={found} />
      )}
    </div>
  )
}

function countOf(value: Shown): number {
  if (value instanceof Map) return [...value.values()].reduce((sum, member) => sum + countOf(member), 0)
  return Array.isArray(value) ? value.reduce((sum: number, member) => sum + countOf(member), 0) : 1
}

/** What is left of a value when only members whose name or value holds the text stay. */
function filtered(value: Shown, wanted: string): Shown | undefined {
  if (value instanceof Map) {
    const kept = [...value].flatMap(([name, member]): [string, Shown][] => {
      if (name.toLowerCase().includes(wanted) || sentence(name).toLowerCase().includes(wanted)) return [[name, member]]
      const inner = filtered(member, wanted)
      return inner === undefined ? [] : [[name, inner]]
    })
    return kept.length > 0 ? new Map(kept) : undefined
  }
  if (Array.isArray(value)) {
    const kept = value.flatMap((member) => {
      const inner = filtered(member, wanted)
      return inner === undefined ? [] : [inner]
    })
    return kept.length > 0 ? kept : undefined
  }
  const text = value instanceof Digits ? value.text : String(value)
  return text.toLowerCase().includes(wanted) ? value : undefined
}

/** Names beside their values down to here; below, there is no room for that. */
const BESIDE = 2

function Branch({ value, depth = 0 }: { value: Shown; depth?: number }): ReactNode {
  if (value === null) return <span className="text-muted">{t('none')}</span>
  if (value === true || value === false) return <span>{value ? t('yes') : t('no')}</span>
  if (value instanceof Digits) return <span className="tabular-nums wrap-anywhere">{value.text}</span>
  if (typeof value === 'string')
    return value === '' ? <span className="text-muted">{t('empty text')}</span> : <AgentText text={value} />
  if (Array.isArray(value)) {
    if (value.length === 0) return <span className="text-muted">{t('empty list')}</span>
    const columns = columnsOf(value)
    if (columns) return <Grid rows={value as Map<string, Shown>[]} columns={columns} />
    return (
      <ol className="flex flex-col gap-1">
        {value.map((item, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: an entry has no identity but its place
          <li key={i} className="flex gap-3">
            <span className="text-muted tabular-nums">{i + 1}.</span>
            <div className="min-w-0 grow">
              <Branch value={item} depth={depth + 1} />
            </div>
          </li>
        ))}
      </ol>
    )
  }
  if (value.get('_redacted') === true) return <span className="text-muted">{t('hidden from you')}</span>
  if (value.get('_unreadable') === true) return <span className="text-danger">{t('content unreadable')}</span>
  if (value.size === 0) return <span className="text-muted">{t('empty')}</span>
  const isBelow = depth >= BESIDE
  return (
    <dl
      className={`flex flex-col divide-y divide-line ${isBelow ? 'mt-1 border-l-2 border-line pl-3' : depth > 0 ? 'max-sm:mt-1 max-sm:border-l-2 max-sm:border-line max-sm:pl-3' : ''}`}
    >
      {[...value].map(([name, member]) => (
        <div
          key={name}
          className={`group/row grid grid-cols-1 gap-x-4 py-2 first:pt-0 last:pb-0 ${isBelow ? '' : 'sm:grid-cols-[minmax(6rem,30%)_1fr]'}`}
        >
          <dt className="text-muted" title={name}>
            <AgentText text={sentence(name)} />
          </dt>
          <dd className="flex min-w-0 items-start justify-between gap-2">
            <div className="min-w-0 grow">
              <Branch value={member} depth={depth + 1} />
            </div>
            {isLeaf(member) && <CopyValue name={name} value={member} />}
          </dd>
        </div>
      ))}
    </dl>
  )
}

const isLeaf = (value: Shown): boolean => value instanceof Digits || (typeof value === 'string' && value !== '')

function CopyValue({ name, value }: { name: string; value: Shown }) {
  const [said, setSaid] = useState('')
  const text = typeof value === 'string' ? value : writeExact(value)
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setSaid(t('Copied')),
      () => setSaid(t('Not allowed here')),
    )
  return (
    <span className="flex shrink-0 items-center gap-1 text-xs text-muted">
      <span role="status">{said}</span>
      <button
        type="button"
        aria-label={t('Copy {name}', { name: sentence(name) })}
        title={t('Copy')}
        className="rounded px-1.5 opacity-0 hover:bg-sunken focus-visible:opacity-100 group-hover/row:opacity-100 pointer-coarse:opacity-100"
        onClick={copy}
      >
        ⧉
      </button>
    </span>
  )
}

/** The names of the columns, when a list holds small flat objects of one shape. */
function columnsOf(rows: readonly Shown[]): string[] | null {
  if (rows.length < 2) return null
  const names = new Set<string>()
  for (const row of rows) {
    if (!(row instanceof Map) || row.size === 0 || row.has('_redacted')) return null
    for (const [name, value] of row) {
      if (value instanceof Map || Array.isArray(value) || (typeof value === 'string' && value.length > 60)) return null
      names.add(name)
    }
  }
  return names.size <= 5 ? [...names] : null
}

const Grid = ({ rows, columns }: { rows: readonly Map<string, Shown>[]; columns: readonly string[] }) => (
  // A region that scrolls must be reachable by keyboard.
  // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
  <section tabIndex={0} aria-label={t('Table')} className="overflow-x-auto">
    <table className="w-full text-left">
      <thead>
        <tr className="border-b border-line">
          {columns.map((name) => (
            <th key={name} scope="col" title={name} className="py-1 pr-4 font-normal text-muted">
              <AgentText text={sentence(name)} />
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a row has no identity but its place
          <tr key={i} className="border-b border-line last:border-0">
            {columns.map((name) => (
              <td key={name} className={`py-1.5 pr-4 align-top ${row.get(name) instanceof Digits ? 'tabular-nums' : ''}`}>
                {row.has(name) ? <Branch value={row.get(name) ?? null} depth={BESIDE} /> : null}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  </section>
)
