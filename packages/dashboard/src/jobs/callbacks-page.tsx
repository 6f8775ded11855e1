// Callbacks that jobs wait for (Q141): what was asked of the outside, until when, and settling one by hand. An answer given here counts like one from outside.
import type { RouteAnswer } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { AgentText } from '../ui/content.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { Empty, JobsFrame, LIVE, Table, useAct, When } from './frame.tsx'
import { readTyped } from './json.ts'

type Callback = RouteAnswer<'GET /callbacks'>['data'][number]

export function CallbacksPage() {
  useTitle(t('Callbacks'))
  const me = useUser()
  const now = useNow()
  const [search, setSearch] = useSearchParams()
  const { rows, query } = useList<Callback>(
    ['queue', 'callbacks'],
    (cursor) => api.call('GET /callbacks', { query: { state: 'open', limit: 50, cursor } }),
    LIVE,
  )
  const settle = useAct(({ how, id }: { how: 'retry' | 'cancel'; id: string }) =>
    api.call(how === 'retry' ? 'POST /callbacks/:id/retry' : 'POST /callbacks/:id/cancel', { params: { id } }),
  )
  const closed = closedTo(me, 'callback.settle', t('settle callbacks'))
  const answered = search.get('resume')
  const close = () => setSearch({})
  return (
    <JobsFrame title={t('Callbacks')}>
      <Refusal error={query.error ?? settle.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && <Empty>{t('No job waits for the outside.')}</Empty>}
      {rows.length > 0 && (
        <Table
          label={t('Callbacks that are waited for')}
          rows={rows}
          id={(callback) => callback.id}
          columns={[
            {
              name: t('Callback'),
              cell: (callback) => (
                <span className="flex flex-col">
                  <AgentText text={callback.name} />
                  <span className="font-mono text-xs font-normal text-muted">{callback.id}</span>
                </span>
              ),
            },
            { name: t('Job'), cell: (callback) => <Link href={paths.job(callback.job_id)}>{t('Its job')}</Link> },
            { name: t('Then'), cell: (callback) => (callback.then === 'finish' ? t('the job is over') : t('the job goes on')) },
            { name: t('Since'), right: true, cell: (callback) => <When at={callback.created_at} now={now} /> },
            { name: t('Until'), right: true, cell: (callback) => <When at={callback.timeout_at} now={now} /> },
            {
              name: t('Acts'),
              right: true,
              cell: ({ id, name }) => (
                <span className="flex justify-end gap-2">
                  <Button
                    small
                    reason={closed}
                    aria-label={t('Answer {name} {id}', { name: visible(name), id })}
                    onClick={() => setSearch({ resume: id })}
                  >
                    {t('Answer')}
                  </Button>
                  <Button
                    small
                    reason={closed}
                    busy={settle.isPending}
                    aria-label={t('Run the job of {id} again', { id })}
                    onClick={() => settle.mutate({ how: 'retry', id })}
                  >
                    {t('Retry')}
                  </Button>
                  <Confirm
                    name={t('Withdraw')}
                    title={t('Withdraw {name} {id}', { name: visible(name), id })}
                    confirm={t('Withdraw the callback')}
                    reason={closed}
                    busy={settle.isPending}
                    onConfirm={() => settle.mutate({ how: 'cancel', id })}
                  >
                    {t('An answer from outside comes too late then. The job goes on and is told that nothing came.')}
                  </Confirm>
                </span>
              ),
            },
          ]}
        />
      )}
      <More query={query} />
      <Dialog open={answered !== null} onClose={close} title={t('Answer for the outside')}>
        {answered && <Resume key={answered} id={answered} reason={closed} onDone={close} />}
      </Dialog>
    </JobsFrame>
  )
}

function Resume({ id, reason, onDone }: { id: string; reason: string | undefined; onDone: () => void }) {
  const [text, setText] = useState('')
  const typed = readTyped(text)
  const resume = useAct(
    (payload: unknown) => api.call('POST /callbacks/:id/resume', { params: { id }, body: { payload } }),
    onDone,
  )
  const placed = placeErrors(resume.error, ['/payload'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (typed.fault === undefined) resume.mutate(typed.value)
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      {placed.beside.size === 0 && <Refusal error={resume.error} placed={placed} />}
      <p className="font-mono text-sm text-muted wrap-anywhere">{id}</p>
      <TextField
        label={t('Answer')}
        hint={t('JSON, or nothing. The job gets it as if it came from outside.')}
        value={text}
        error={typed.fault ?? placed.beside.get('/payload')}
        onChange={(event) => setText(event.target.value)}
      />
      <div>
        <Button type="submit" tone="primary" reason={reason} busy={resume.isPending}>
          {t('Let the job go on')}
        </Button>
      </div>
    </form>
  )
}
