// Giving a task to others, with a reason that they and the agent read (T98). What was voted and said stays. Who may, the server says.
import type { Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { usePools, useRoutedPeople } from '../routing/frame.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'

const ADDRESS = 'address'

export function Reassign({ task }: { task: Task }) {
  const me = useUser()
  const [open, setOpen] = useState(false)
  if (!Object.hasOwn(me.may, 'task.reassign')) return null
  return (
    <>
      <Button small reason={whyNot(task, me)} onClick={() => setOpen(true)}>
        {t('Give it to others')}
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t('Give it to others')}>
        {open && <ReassignForm task={task} onDone={() => setOpen(false)} />}
      </Dialog>
    </>
  )
}

/** Whoever runs the work may; whoever was asked, where the asking side lets them. */
function whyNot(task: Task, me: ReturnType<typeof useUser>): string | undefined {
  if (me.may['task.reassign'] === 'any') return undefined
  if (!task.may.includes('decide')) return t('Only whoever was asked, or an operator, can give it to others.')
  return task.delegable ? undefined : t('Whoever asks wants nobody else to answer this.')
}

function ReassignForm({ task, onDone }: { task: Task; onDone: () => void }) {
  const queries = useQueryClient()
  const people = useRoutedPeople()
  const pools = usePools()
  const knows = closedTo(useUser(), 'task.route', '') === undefined
  const [to, setTo] = useState(knows ? '' : ADDRESS)
  const [address, setAddress] = useState('')
  const [reason, setReason] = useState('')
  const give = useMutation({
    mutationFn: () => {
      const assign_to = to === ADDRESS ? address.trim() : (JSON.parse(to) as object)
      return api.call('POST /tasks/:id/reassign', { params: { id: task.id }, body: { assign_to, reason } })
    },
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  const placed = placeErrors(give.error, ['/assign_to', '/reason'])
  const options = [
    { value: '', label: t('Choose somebody') },
    ...(people.data?.data ?? [])
      .filter(({ user_id }) => user_id !== task.assigned_to_user_id)
      .map((one) => ({
        value: JSON.stringify({ user_id: one.user_id }),
        label: one.away_until === null ? visible(one.display_name) : t('{name} (away)', { name: visible(one.display_name) }),
      })),
    ...(pools.data?.data ?? []).map(({ name }) => ({
      value: JSON.stringify({ pool: name }),
      label: t('Pool {name}', { name: visible(name) }),
    })),
    { value: ADDRESS, label: t('A mail address') },
  ]
  const missing =
    to === '' || (to === ADDRESS && address.trim() === '')
      ? t('Say to whom first.')
      : reason.trim() === ''
        ? t('Say why first.')
        : undefined
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (missing === undefined && !give.isPending) give.mutate()
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      <p className="text-muted">
        {t(
          'They are told of it now. Votes and comments stay; whoever holds it, the others and the agent see that it moved, and why.',
        )}
      </p>
      {placed.beside.size === 0 && <Refusal error={give.error} placed={placed} />}
      {knows && <SelectField label={t('To')} value={to} options={options} onChange={(event) => setTo(event.target.value)} />}
      {to === ADDRESS && (
        <TextField
          label={t('Mail address')}
          type="email"
          value={address}
          error={placed.beside.get('/assign_to')}
          onChange={(event) => setAddress(event.target.value)}
        />
      )}
      <TextArea
        label={t('Why')}
        rows={3}
        maxLength={4_000}
        value={reason}
        error={placed.beside.get('/reason')}
        onChange={(event) => setReason(event.target.value)}
      />
      <div>
        <Button type="submit" tone="primary" busy={give.isPending} reason={missing}>
          {t('Give it to them')}
        </Button>
      </div>
    </form>
  )
}
