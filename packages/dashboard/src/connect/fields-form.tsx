// What is typed in: each field with its hint, secrets as dots. Sent once; on a refusal the form comes back empty, because nothing of it was kept.
import { type FormEvent, useState } from 'react'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/text-field.tsx'
import type { Field, Sent } from './connect.ts'

type Props = {
  fields: readonly Field[]
  busy: boolean
  faults: readonly { path: string; message: string }[]
  mayStoreAnyway: boolean
  onSend: (sent: Sent) => void
}

export function FieldsForm({ fields, busy, faults, mayStoreAnyway, onSend }: Props) {
  const [anyway, setAnyway] = useState(false)
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const data = new FormData(event.currentTarget)
    const typed = Object.fromEntries(fields.map(({ name }) => [name, String(data.get(name) ?? '')]))
    onSend({ fields: typed, ...(anyway ? { store_anyway: true } : {}) })
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-4" autoComplete="off">
      {fields.map(({ name, label, secret, hint }) => (
        <TextField
          key={name}
          name={name}
          label={label}
          type={secret ? 'password' : 'text'}
          autoComplete={secret ? 'new-password' : 'off'}
          spellCheck={false}
          required
          {...(hint === null ? {} : { hint })}
          error={faults.find(({ path }) => path === `/fields/${name}`)?.message}
        />
      ))}
      {mayStoreAnyway && (
        <label className="flex items-center gap-2">
          <input type="checkbox" checked={anyway} onChange={(event) => setAnyway(event.currentTarget.checked)} />
          {t('Store it although the provider refused it')}
        </label>
      )}
      <Button tone="primary" type="submit" busy={busy}>
        {t('Store')}
      </Button>
    </form>
  )
}
