// What an agent wrote, for a person to judge: always text, never markup, hidden characters shown as marks (T86), numbers digit for digit (T6).
import { type ReactNode, useState } from 'react'
import { Digits, type Shown, writeExact } from '../exact.ts'
import { sentence } from '../form/field.ts'
import { Button } from './button.tsx'
import { Card } from './card.tsx'
import { Copyable } from './copy.tsx'
import { partsOf } from './marks.ts'

export function AgentText({ text }: { text: string }) {
  return (
    <span className="whitespace-pre-wrap wrap-anywhere" dir="auto">
      {partsOf(text).map((part, i) => (
        // Parts have no identity but their place.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <span key={i}>
          {part.text}
          {part.mark !== null && (
            <span className="mx-0.5 rounded bg-warn-soft px-1 font-mono text-xs text-warn" title="A hidden character stands here">
              {part.mark}
            </span>
          )}
        </span>
      ))}
    </span>
  )
}

/** A card with the value as a readable table, and as JSON for who wants to see exactly what was sent. */
export function ContentCard({ title, value, label }: { title: string; value: Shown; label: string }): ReactNode {
  const [raw, setRaw] = useState(false)
  return (
    <Card
      title={title}
      aside={
        <Button
          tone="quiet"
          small
          aria-pressed={raw}
          aria-label={`Show ${label} as JSON`}
          className="-mr-3"
          onClick={() => setRaw(!raw)}
        >
          {raw ? 'As table' : 'As JSON'}
        </Button>
      }
    >
      {raw ? <Copyable label={`${label} as JSON`} text={writeExact(value)} block /> : <Tree value={value} />}
    </Card>
  )
}

function Tree({ value, inside = false }: { value: Shown; inside?: boolean }) {
  if (value === null) return <span className="text-muted">none</span>
  if (value === true || value === false) return <span>{value ? 'yes' : 'no'}</span>
  if (value instanceof Digits) return <span className="tabular-nums wrap-anywhere">{value.text}</span>
  if (typeof value === 'string') return value === '' ? <span className="text-muted">empty text</span> : <AgentText text={value} />
  if (Array.isArray(value)) {
    if (value.length === 0) return <span className="text-muted">empty list</span>
    return (
      <ol className="flex flex-col gap-1">
        {value.map((item, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: an entry has no identity but its place
          <li key={i} className="flex gap-3">
            <span className="text-muted tabular-nums">{i + 1}.</span>
            <div className="min-w-0 grow">
              <Tree value={item} inside />
            </div>
          </li>
        ))}
      </ol>
    )
  }
  if (value.get('_redacted') === true) return <span className="text-muted">hidden from you</span>
  if (value.size === 0) return <span className="text-muted">empty</span>
  return (
    <dl
      className={`flex flex-col divide-y divide-line ${inside ? 'max-sm:mt-1 max-sm:border-l-2 max-sm:border-line max-sm:pl-3' : ''}`}
    >
      {[...value].map(([name, member]) => (
        <div key={name} className="grid grid-cols-1 gap-x-4 py-2 first:pt-0 last:pb-0 sm:grid-cols-[minmax(6rem,30%)_1fr]">
          <dt className="text-muted" title={name}>
            <AgentText text={sentence(name)} />
          </dt>
          <dd className="min-w-0">
            <Tree value={member} inside />
          </dd>
        </div>
      ))}
    </dl>
  )
}
