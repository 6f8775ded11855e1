// Pools: the groups from which whoever is asked is taken, and which of them is asked where nobody is named.
import { useQuery } from '@tanstack/react-query'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table } from '../jobs/frame.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { type Pool, RoutingFrame, usePools, useRoutedPeople, useRouting, useRoutingAct } from './frame.tsx'
import { PoolForm, STRATEGIES } from './pool-form.tsx'

export function RoutingPage() {
  useTitle(t('Routing'))
  const [search, setSearch] = useSearchParams()
  const pools = usePools()
  const people = useRoutedPeople()
  const asked = search.get('pool')
  const edited = pools.data?.data.find(({ id }) => id === asked) ?? null
  const close = () => setSearch({})
  const nameOf = (id: string) =>
    visible(people.data?.data.find((one) => one.user_id === id)?.display_name ?? t('somebody who left'))
  return (
    <RoutingFrame
      title={t('Pools')}
      aside={
        <Button tone="primary" onClick={() => setSearch({ pool: 'new' })}>
          {t('New pool')}
        </Button>
      }
    >
      <p className="max-w-prose text-muted">
        {t(
          'A task may be asked of a pool instead of a person. Whoever was asked longest ago gets the next one; who is away or has enough to do is passed over. Being in a pool grants nothing.',
        )}
      </p>
      <Refusal error={pools.error} />
      {pools.data?.data.length === 0 && (
        <Empty>{t('No pool yet. Owners, admins and operators are asked where nobody is named.')}</Empty>
      )}
      {pools.data && pools.data.data.length > 0 && (
        <Table
          label={t('Pools')}
          rows={pools.data.data}
          id={(one) => one.id}
          columns={[
            {
              name: t('Pool'),
              cell: (one) => (
                <span className="flex flex-col items-start">
                  <span className="font-medium wrap-anywhere">{visible(one.name)}</span>
                  <span className="text-xs text-muted wrap-anywhere">{visible(one.description)}</span>
                </span>
              ),
            },
            {
              name: t('Who is asked'),
              cell: (one) => STRATEGIES.find(({ value }) => value === one.strategy)?.label ?? one.strategy,
            },
            {
              name: t('Members'),
              cell: (one) =>
                one.members.length === 0 ? (
                  <Badge tone="warn">{t('nobody')}</Badge>
                ) : (
                  <span>{one.members.map(nameOf).join(', ')}</span>
                ),
            },
            { name: '', right: true, cell: (one) => <PoolActs pool={one} onEdit={() => setSearch({ pool: one.id })} /> },
          ]}
        />
      )}
      {pools.data && <Defaults pools={pools.data.data} />}
      <Dialog open={asked === 'new'} onClose={close} title={t('New pool')}>
        <PoolForm key="new" pool={null} people={people.data?.data ?? []} onDone={close} />
      </Dialog>
      <Dialog open={edited !== null} onClose={close} title={t('Change {name}', { name: visible(edited?.name ?? '') })}>
        {edited && <PoolForm key={edited.id} pool={edited} people={people.data?.data ?? []} onDone={close} />}
      </Dialog>
    </RoutingFrame>
  )
}

function PoolActs({ pool, onEdit }: { pool: Pool; onEdit: () => void }) {
  const remove = useRoutingAct(() => api.call('DELETE /pools/:id', { params: { id: pool.id } }))
  return (
    <span className="flex flex-col items-end gap-1">
      <span className="flex gap-2">
        <Button small aria-label={t('Change {name}', { name: visible(pool.name) })} onClick={onEdit}>
          {t('Change')}
        </Button>
        <Confirm
          name={t('Remove')}
          title={t('Remove {name}', { name: visible(pool.name) })}
          confirm={t('Remove the pool')}
          busy={remove.isPending}
          onConfirm={() => remove.mutate(undefined)}
        >
          {t('Tasks can no longer be asked of it. Its members stay who they are.')}
        </Confirm>
      </span>
      <Refusal error={remove.error} />
    </span>
  )
}

/** Null: those who run the work. */
function Defaults({ pools }: { pools: Pool[] }) {
  const enabled = useRouting()
  const read = useQuery({ queryKey: ['routing', 'defaults'], queryFn: () => api.call('GET /routing', {}), enabled })
  const change = useRoutingAct((body: { default_pool_id: string | null; fallback_pool_id: string | null }) =>
    api.call('PUT /routing', { body }),
  )
  if (!read.data) return <Refusal error={read.error} />
  const { default_pool_id, fallback_pool_id } = read.data
  const options = [
    { value: '', label: t('Owners, admins and operators') },
    ...pools.map(({ id, name }) => ({ value: id, label: visible(name) })),
  ]
  const orNull = (value: string) => value || null
  return (
    <Card title={t('Where nobody is named, or reached')}>
      <Refusal error={change.error} />
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField
          label={t('Default pool')}
          hint={t('Asked where a task names nobody.')}
          value={default_pool_id ?? ''}
          options={options}
          disabled={change.isPending}
          onChange={(event) => change.mutate({ default_pool_id: orNull(event.target.value), fallback_pool_id })}
        />
        <SelectField
          label={t('Fallback pool')}
          hint={t('Gets what nobody can be asked or told of.')}
          value={fallback_pool_id ?? ''}
          options={options}
          disabled={change.isPending}
          onChange={(event) => change.mutate({ default_pool_id, fallback_pool_id: orNull(event.target.value) })}
        />
      </div>
    </Card>
  )
}
