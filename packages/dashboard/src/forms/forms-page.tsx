// Stored forms (T82): the list, and behind each its editor. A change makes the next version; tasks keep the one that they were asked with.
import type { StoredForm } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { PageTitle } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { FormEditor } from './editor.tsx'

export function FormsPage() {
  useTitle(t('Forms'))
  const me = useUser()
  const now = useNow()
  const [search, setSearch] = useSearchParams()
  const closed = closedTo(me, 'task.configure', t('set up forms'))
  const { rows, query } = useList<StoredForm>(['forms'], (cursor) => api.call('GET /forms', { query: { cursor } }), {
    enabled: closed === undefined,
  })
  const name = search.get('form')
  const editing = useQuery({
    queryKey: ['form', name],
    queryFn: () => api.call('GET /forms/:name', { params: { name: name ?? '' } }),
    enabled: name !== null,
  })
  const close = () => setSearch({})
  if (closed)
    return (
      <div className="flex flex-col gap-5">
        <PageTitle title={t('Forms')} />
        <Banner tone="info">{closed}</Banner>
      </div>
    )
  if (search.has('new')) return <FormEditor before={null} onDone={close} />
  if (name !== null)
    return (
      <div className="flex flex-col gap-5">
        <Refusal error={editing.error} />
        {editing.isPending && <p className="text-muted">{t('Loading…')}</p>}
        {editing.data && <FormEditor key={editing.data.form} before={editing.data} onDone={close} />}
      </div>
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Forms')}>
        <Button tone="primary" onClick={() => setSearch({ new: 'form' })}>
          {t('New form')}
        </Button>
      </PageTitle>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && (
        <Empty>
          {t('No form is stored. An agent names a stored form with its question, instead of sending what is to be asked.')}
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label={t('Forms')}
          rows={rows}
          id={(one) => one.name}
          columns={[
            { name: t('Form'), cell: (one) => <code className="font-mono text-sm wrap-anywhere">{one.form}</code> },
            { name: t('Title'), cell: (one) => visible(one.title ?? '–') },
            { name: t('Stored'), cell: (one) => <When at={one.created_at} now={now} /> },
            {
              name: t('Acts'),
              cell: (one) => (
                <span className="flex flex-wrap gap-2">
                  <Button small aria-label={t('Edit {name}', { name: one.name })} onClick={() => setSearch({ form: one.name })}>
                    {t('Edit')}
                  </Button>
                  <Retire name={one.name} />
                </span>
              ),
            },
          ]}
        />
      )}
      <More query={query} />
    </div>
  )
}

function Retire({ name }: { name: string }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const retire = useMutation({
    mutationFn: () => run(() => api.call('DELETE /forms/:name', { params: { name } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['forms'] }),
  })
  return (
    <>
      <Confirm
        name={t('Retire')}
        title={t('Retire {name}', { name })}
        confirm={t('Retire it')}
        busy={retire.isPending}
        onConfirm={() => retire.mutate()}
      >
        {t('No new task can name it. Tasks that were asked with it keep it.')}
      </Confirm>
      <Refusal error={retire.error} />
      {dialog}
    </>
  )
}
