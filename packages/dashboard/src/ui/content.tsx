// What an agent wrote, for a person to judge: always text, never markup. Invisible and direction-changing characters are shown as marks, because they are how one text
// is made to look like another.
import { useState } from 'react'
import { Digits, type Shown, writeExact } from '../exact.ts'
import { sentence } from '../form/field.ts'
import { Button } from './button.tsx'
import { Copyable } from './copy.tsx'

// Bidirectional controls, zero-width characters, the byte order mark and other controls but tab and newline.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu

export function AgentText({ text }: { text: string }) {
  const parts = text.split(HIDDEN)
  const marks = text.match(HIDDEN) ?? []
  return (
    <span className="whitespace-pre-wrap wrap-anywhere" dir="auto">
      {parts.map((part, i) => (
        // Parts have no identity but their place.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <span key={i}>
          {part}
          {marks[i] !== undefined && (
            <span className="mx-0.5 rounded bg-warn-soft px-1 font-mono text-xs text-warn" title="A hidden character stands here">
              U+{marks[i].codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}
            </span>
          )}
        </span>
      ))}
    </span>
  )
}

export function Content({ value, label }: { value: Shown; label: string }) {
  const [raw, setRaw] = useState(false)
  return (
    <div className="flex flex-col gap-3">
      {raw ? <Copyable label={`${label} as JSON`} text={writeExact(value)} block /> : <Tree value={value} />}
      <div>
        <Button tone="quiet" aria-pressed={raw} onClick={() => setRaw(!raw)}>
          {raw ? 'Show as table' : 'Show as JSON'}
        </Button>
      </div>
    </div>
  )
}

function Tree({ value }: { value: Shown }) {
  if (value === null) return <span className="text-muted">none</span>
  if (value === true || value === false) return <span>{value ? 'yes' : 'no'}</span>
  if (value instanceof Digits) return <span className="font-mono tabular-nums">{value.text}</span>
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
              <Tree value={item} />
            </div>
          </li>
        ))}
      </ol>
    )
  }
  if (value.get('_redacted') === true) return <span className="text-muted">hidden from you</span>
  if (value.size === 0) return <span className="text-muted">empty</span>
  return (
    <dl className="grid grid-cols-1 gap-x-6 gap-y-1 sm:grid-cols-[minmax(7rem,max-content)_1fr]">
      {[...value].map(([name, member]) => (
        <div key={name} className="contents">
          <dt className="text-muted" title={name}>
            <AgentText text={sentence(name)} />
          </dt>
          <dd className="mb-2 min-w-0 sm:mb-0">
            <Tree value={member} />
          </dd>
        </div>
      ))}
    </dl>
  )
}
