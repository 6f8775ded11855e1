// By what people can be asked besides their name: labels and pools, and who is there to be asked now.
import { type FormEvent, useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table } from '../jobs/frame.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { clock, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { type RoutedPerson, RoutingFrame, usePools, useRoutedPeople, useRoutingAct } from './frame.tsx'

export function RoutingPeoplePage() {
  useTitle(t('People and labels'))
  const now = useNow()
  const [search, setSearch] = useSearchParams()
  const people = useRoutedPeople()
  const pools = usePools()
  const poolName = (id: string) => visible(pools.data?.data.find((one) => one.id === id)?.name ?? id)
  const edited = people.data?.data.find(({ user_id }) => user_id === search.get('labels')) ?? null
  const words = (labels: readonly string[]) =>
    labels.length === 0 ? <span className="text-muted">–</span> : <span>{labels.map(visible).join(', ')}</span>
  return (
    <RoutingFrame title={t('People and labels')}>
      <p className="max-w-prose text-muted">
        {rich('Labels are words of your own: {code} asks whoever carries both. They grant nothing.', {
          code: <code className="font-mono">{'{role: "cfo", access_level: "gold"}'}</code>,
        })}
      </p>
      <Refusal error={people.error} />
      {people.data?.data.length === 0 && <Empty>{t('Nobody is here yet.')}</Empty>}
      {people.data && people.data.data.length > 0 && (
        <Table
          label={t('People')}
          rows={people.data.data}
          id={(one) => one.user_id}
          columns={[
            { name: t('Person'), cell: (one) => <span className="font-medium wrap-anywhere">{visible(one.display_name)}</span> },
            {
              name: t('There'),
              cell: (one) =>
                one.away_until ? (
                  <Badge tone="warn">{t('away until {when}', { when: clock(one.away_until, now) })}</Badge>
                ) : (
                  <Badge tone="good">{t('there')}</Badge>
                ),
            },
            {
              name: t('Holds'),
              right: true,
              cell: (one) =>
                one.max_open === null ? one.open : t('{open} of {maxOpen}', { open: one.open, maxOpen: one.max_open }),
            },
            { name: t('Roles'), cell: (one) => words(one.roles) },
            { name: t('Access levels'), cell: (one) => words(one.access_levels) },
            { name: t('Pools'), cell: (one) => words(one.pools.map(poolName)) },
            {
              name: '',
              right: true,
              cell: (one) => (
                <Button
                  small
                  aria-label={t('Labels of {name}', { name: visible(one.display_name) })}
                  onClick={() => setSearch({ labels: one.user_id })}
                >
                  {t('Labels')}
                </Button>
              ),
            },
          ]}
        />
      )}
      <Dialog
        open={edited !== null}
        onClose={() => setSearch({})}
        title={t('Labels of {name}', { name: visible(edited?.display_name ?? '') })}
      >
        {edited && <LabelForm key={edited.user_id} person={edited} onDone={() => setSearch({})} />}
      </Dialog>
    </RoutingFrame>
  )
}

const listed = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)

function LabelForm({ person, onDone }: { person: RoutedPerson; onDone: () => void }) {
  const [roles, setRoles] = useState(person.roles.join(', '))
  const [levels, setLevels] = useState(person.access_levels.join(', '))
  const save = useRoutingAct(
    () =>
      api.call('PUT /users/:id/labels', {
        params: { id: person.user_id },
        body: { roles: listed(roles), access_levels: listed(levels) },
      }),
    onDone,
  )
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate(undefined)
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      <Refusal error={save.error} />
      <TextField
        label={t('Roles')}
        hint={t('With commas between, such as cfo, legal.')}
        value={roles}
        onChange={(event) => setRoles(event.target.value)}
      />
      <TextField
        label={t('Access levels')}
        hint={t('With commas between, such as gold.')}
        value={levels}
        onChange={(event) => setLevels(event.target.value)}
      />
      <div>
        <Button type="submit" tone="primary" busy={save.isPending}>
          {t('Save labels')}
        </Button>
      </div>
    </form>
  )
}
