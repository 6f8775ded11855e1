// The name, the labels and whose a connection is. Its parameters are changed by the API: they say where the credential goes.
import type { Connection } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { useVaultAct } from './frame.tsx'

export function EditConnection({ connection }: { connection: Connection }) {
  const me = useUser()
  const [open, setOpen] = useState(false)
  const over = connection.status === 'revoked' || connection.status === 'removed' ? t('It is over.') : undefined
  return (
    <>
      <Button
        small
        tone="quiet"
        reason={over ?? closedTo(me, 'connection.update', t('change connections'))}
        onClick={() => setOpen(true)}
      >
        {t('Change')}
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t('Change the connection')}>
        <Fields connection={connection} onDone={() => setOpen(false)} />
      </Dialog>
    </>
  )
}

function Fields({ connection, onDone }: { connection: Connection; onDone: () => void }) {
  const [name, setName] = useState(connection.name)
  const [labels, setLabels] = useState(connection.labels.join(', '))
  const [shared, setShared] = useState(connection.shared)
  const change = useVaultAct(
    () =>
      api.call('PATCH /connections/:id', {
        params: { id: connection.id },
        body: {
          ...(name.trim() === connection.name ? {} : { name: name.trim() }),
          labels: labels
            .split(',')
            .map((label) => label.trim())
            .filter((label) => label !== ''),
          ...(shared === connection.shared ? {} : { shared }),
        },
      }),
    onDone,
  )
  const { beside, rest } = placeErrors(change.error, ['/name', '/labels'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    change.mutate(undefined)
  }
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
      {beside.size === 0 && <Refusal error={change.error} placed={{ beside, rest }} />}
      <TextField label={t('Name')} value={name} error={beside.get('/name')} onChange={(event) => setName(event.target.value)} />
      <TextField
        label={t('Labels')}
        hint={t('Separated by commas; policies can read them.')}
        value={labels}
        error={beside.get('/labels')}
        onChange={(event) => setLabels(event.target.value)}
      />
      <label className="flex items-center gap-2">
        <input type="checkbox" className="size-4" checked={shared} onChange={(event) => setShared(event.target.checked)} />
        {t('For everybody in this tenant')}
      </label>
      <div>
        <Button type="submit" tone="primary" busy={change.isPending}>
          {t('Save')}
        </Button>
      </div>
    </form>
  )
}
