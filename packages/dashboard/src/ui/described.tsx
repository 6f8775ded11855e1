// What is known of a thing: names on the left, what they say on the right; one below the other on a phone.
import type { ReactNode } from 'react'

export type Row = readonly [name: string, says: ReactNode]

export const Described = ({ rows }: { rows: readonly Row[] }) => (
  <dl className="grid gap-x-6 gap-y-2 sm:grid-cols-[10rem_1fr]">
    {rows.map(([name, says]) => (
      <div key={name} className="contents">
        <dt className="text-muted">{name}</dt>
        <dd className="min-w-0 wrap-anywhere">{says}</dd>
      </div>
    ))}
  </dl>
)
