// What the lists of the relay have in common: filters that stand in the address, two of them for whatever has two sides, and rows that load, are none, or go on.
import type { ReactNode } from 'react'
import { useSearchParams } from 'wouter'
import { Empty, Table } from '../jobs/frame.tsx'
import { More, type useList } from '../list.tsx'
import { t } from '../text/t.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'

type Given = Record<string, string | undefined>

/** What the address says, and how it is changed; what is empty is not said. */
export function useFilter(): { given: Given; set: (next: Record<string, string>) => void } {
  const [search, setSearch] = useSearchParams()
  const given = Object.fromEntries(search)
  const set = (next: Record<string, string>) =>
    setSearch(Object.fromEntries(Object.entries({ ...given, ...next }).filter(([, value]) => value !== '')), { replace: true })
  return { given, set }
}

type Side = 'owner' | 'caller'
export type BySide<State extends string> = { side?: Side; state?: State }

/** What of the address counts: a word that is none filters nothing. */
export function bySide<State extends string>({ side, state }: Given, states: readonly State[]): BySide<State> {
  const known = states.find((one) => one === state)
  return { ...(side === 'owner' || side === 'caller' ? { side } : {}), ...(known ? { state: known } : {}) }
}

type SideProps<State extends string> = {
  filter: BySide<State>
  names: Record<Side, string>
  states: readonly State[]
  word: (state: State) => string
  set: (next: Record<string, string>) => void
}

export const SideFilter = <State extends string>({ filter, names, states, word, set }: SideProps<State>) => (
  <search className="grid gap-3 sm:grid-cols-2">
    <SelectField
      label={t('Side')}
      value={filter.side ?? ''}
      options={[
        { value: '', label: t('both') },
        { value: 'owner', label: names.owner },
        { value: 'caller', label: names.caller },
      ]}
      onChange={(event) => set({ side: event.target.value })}
    />
    <SelectField
      label={t('State')}
      value={filter.state ?? ''}
      options={[{ value: '', label: t('any') }, ...states.map((value) => ({ value, label: word(value) }))]}
      onChange={(event) => set({ state: event.target.value })}
    />
  </search>
)

type RowsProps<T extends { id: string }> = {
  label: string
  list: ReturnType<typeof useList<T>>
  /** Said where there is no row. */
  none: string
  columns: Parameters<typeof Table<T>>[0]['columns']
}

export function Rows<T extends { id: string }>({ label, list: { rows, query }, none, columns }: RowsProps<T>) {
  return (
    <>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && <Empty>{none}</Empty>}
      {rows.length > 0 && <Table label={label} rows={rows} id={(row) => row.id} columns={columns} />}
      <More query={query} />
    </>
  )
}

/** A name with what stands below it. */
export const Named = ({ children, below }: { children: ReactNode; below: ReactNode }) => (
  <span className="flex flex-col items-start">
    {children}
    <span className="text-xs font-normal text-muted wrap-anywhere">{below}</span>
  </span>
)
