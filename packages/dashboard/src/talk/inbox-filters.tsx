// What narrows the inbox: it stands in the address, so that a view can be kept, sent and come back to. The server narrows; this only says by what.
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { type Filters, isFiltered } from './filters.ts'
import { savedViews } from './saved-views.ts'

const anyOf = (word: string, values: readonly string[]) => [
  { value: '', label: word },
  ...values.map((value) => ({ value, label: wireWord(value) })),
]

/** What a question is about, by who put it. */
const ORIGINS = [
  { value: 'agent', label: t('what an agent asked') },
  { value: 'proxy', label: t('a held request') },
  { value: 'vault', label: t('a credential') },
  { value: 'queue', label: t('a job') },
  { value: 'user', label: t('what a person wants to do') },
]

type Props = { filters: Filters; put: (name: keyof Filters, value: string) => void; search: string }

export function InboxFilters({ filters, put, search }: Props) {
  const [open, setOpen] = useState(isFiltered(filters))
  const agents = useQuery({ queryKey: ['agents', 'names'], queryFn: () => api.agents.list({ limit: 200 }), enabled: open })
  const known = (agents.data?.data ?? []).map(({ id, name }) => ({ value: id, label: visible(name) }))
  return (
    <>
      <div className="flex grow flex-wrap items-center gap-2">
        <Button small aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? t('Hide filters') : t('Filters')}
        </Button>
        <SavedViews search={search} filtered={isFiltered(filters)} />
      </div>
      {open && (
        <section
          aria-label={t('Filters')}
          className="card order-last grid basis-full grid-cols-1 gap-4 p-4 sm:grid-cols-2 lg:grid-cols-3"
        >
          <SelectField
            label={t('Agent')}
            value={filters.agent_id ?? ''}
            options={[{ value: '', label: t('any agent') }, ...known]}
            onChange={(event) => put('agent_id', event.target.value)}
          />
          <SelectField
            label={t('About')}
            value={filters.origin ?? ''}
            options={[{ value: '', label: t('anything') }, ...ORIGINS]}
            onChange={(event) => put('origin', event.target.value)}
          />
          <SelectField
            label={t('Priority')}
            value={filters.priority ?? ''}
            options={anyOf(t('any priority'), ['urgent', 'high', 'normal', 'low'])}
            onChange={(event) => put('priority', event.target.value)}
          />
          <SelectField
            label={t('Risk')}
            value={filters.risk ?? ''}
            options={anyOf(t('any risk'), ['critical', 'high', 'normal', 'low'])}
            onChange={(event) => put('risk', event.target.value)}
          />
          <TextField
            label={t('Held by')}
            placeholder={t('name or mail')}
            value={filters.assigned_to ?? ''}
            maxLength={320}
            onChange={(event) => put('assigned_to', event.target.value)}
          />
          <TextField
            label={t('Tag')}
            value={filters.tag ?? ''}
            maxLength={50}
            onChange={(event) => put('tag', event.target.value)}
          />
        </section>
      )}
    </>
  )
}

function SavedViews({ search, filtered }: { search: string; filtered: boolean }): ReactNode {
  const me = useUser()
  const store = savedViews(me.id)
  const [views, setViews] = useState(() => store.read())
  const [naming, setNaming] = useState(false)
  const [name, setName] = useState('')
  const save = () => {
    setViews(store.save({ name: name.trim(), search }))
    setNaming(false)
    setName('')
  }
  return (
    <>
      {views.map((view) => (
        <span key={view.name} className="flex items-center gap-1 rounded-full bg-sunken py-0.5 pr-1 pl-3 text-sm">
          <Link href={`${paths.inbox()}?${view.search}`} className="hover:underline">
            {visible(view.name)}
          </Link>
          <button
            type="button"
            aria-label={t('Forget the view {name}', { name: visible(view.name) })}
            className="rounded-full px-1.5 text-muted hover:text-text"
            onClick={() => setViews(store.drop(view.name))}
          >
            ×
          </button>
        </span>
      ))}
      {filtered && (
        <Button small tone="quiet" onClick={() => setNaming(true)}>
          {t('Save this view')}
        </Button>
      )}
      <Dialog open={naming} onClose={() => setNaming(false)} title={t('Save this view')}>
        <TextField label={t('Name')} value={name} maxLength={60} onChange={(event) => setName(event.target.value)} />
        <div>
          <Button tone="primary" reason={name.trim() ? undefined : t('Give it a name first.')} onClick={save}>
            {t('Save')}
          </Button>
        </div>
      </Dialog>
    </>
  )
}
