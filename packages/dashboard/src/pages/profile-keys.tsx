// Personal keys: for one's own programs, the countersign command first. They act in one's name and never reach further than one's role.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { KeyRows } from './key-rows.tsx'
import { ShownOnce } from './shown-once.tsx'

const SCOPES = [
  { scope: 'tasks:*', action: 'task.list', does: t('Tasks: read, answer, claim, withdraw') },
  { scope: 'tasks:decide_for', action: 'task.decide_for', does: t('Tasks: relay what other people decided, in their names') },
  { scope: 'agents:*', action: 'agent.read', does: t('Agents: read, make, pause, revoke') },
  { scope: 'keys:*', action: 'key.read', does: t('Keys: read, make, rotate, revoke') },
  { scope: 'users:list', action: 'user.list', does: t('People: read') },
  { scope: 'events:list', action: 'event.list', does: t('The record: read') },
] as const
type Scope = (typeof SCOPES)[number]['scope']

const DAY = 86_400
const LIVES = [
  { value: String(30 * DAY), label: t('30 days') },
  { value: String(90 * DAY), label: t('90 days') },
  { value: String(365 * DAY), label: t('a year') },
]

export function PersonalKeys() {
  const me = useUser()
  const queries = useQueryClient()
  const [search, setSearch] = useSearchParams()
  const [shown, setShown] = useState<string | null>(null)
  const open = (wanted: boolean) => setSearch(wanted ? { new: 'key' } : {})
  const { rows, query } = useList(['keys', 'personal'], (cursor) => api.keys.list({ kind: 'usr', limit: 200, cursor }))
  const own = rows.filter((key) => key.created_by === me.id)
  const refresh = () => void queries.invalidateQueries({ queryKey: ['keys', 'personal'] })
  return (
    <Card
      title={t('Personal keys')}
      aside={
        <Button small reason={closedTo(me, 'key.create', t('make keys'))} onClick={() => open(true)}>
          {t('New personal key')}
        </Button>
      }
    >
      <Refusal error={query.error} />
      <p className="text-muted">
        {rich('For the {code} command and your own programs. They act in your name.', {
          code: <code className="font-mono text-sm">countersign</code>,
        })}
      </p>
      <KeyRows rows={own} onSecret={setShown} onChange={refresh} />
      <More query={query} />
      <Dialog open={search.get('new') === 'key'} onClose={() => open(false)} title={t('New personal key')}>
        <NewKey
          onMade={(secret) => {
            open(false)
            setShown(secret)
            refresh()
          }}
        />
      </Dialog>
      <ShownOnce secret={shown} onClose={() => setShown(null)} title={t('Your new key')} label={t('key')}>
        <p className="text-muted">{t('The inbox in a terminal:')}</p>
        <Copyable
          label={t('command')}
          text={`COUNTERSIGN_URL=${location.origin} COUNTERSIGN_KEY=cs_… npx countersign tasks list`}
        />
      </ShownOnce>
    </Card>
  )
}

function NewKey({ onMade }: { onMade: (secret: string) => void }) {
  const me = useUser()
  const { run, dialog } = useStepUp()
  const [form, setForm] = useState({ name: t('My terminal'), scopes: ['tasks:*'] as Scope[], life: String(90 * DAY) })
  const create = useMutation({
    mutationFn: () =>
      run(() => api.keys.create({ kind: 'usr', name: form.name, scopes: form.scopes, expires_in_seconds: Number(form.life) })),
    onSuccess: (made) => made.secret && onMade(made.secret),
  })
  const placed = placeErrors(create.error, ['/name', '/scopes'])
  const toggle = (scope: Scope) =>
    setForm({
      ...form,
      scopes: SCOPES.map((one) => one.scope).filter((one) => (one === scope) !== form.scopes.includes(one)),
    })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={create.error} placed={placed} />}
        <TextField
          label={t('Name')}
          hint={t('Where it will be used.')}
          value={form.name}
          error={placed.beside.get('/name')}
          onChange={(event) => setForm({ ...form, name: event.target.value })}
        />
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-1 font-medium">{t('What it may do')}</legend>
          {SCOPES.map(({ scope, action, does }) => (
            <label key={scope} className="flex items-center gap-3">
              <input
                type="checkbox"
                disabled={!Object.hasOwn(me.may, action)}
                checked={form.scopes.includes(scope)}
                onChange={() => toggle(scope)}
              />
              {does}
            </label>
          ))}
          {form.scopes.includes('tasks:decide_for') && (
            <Banner tone="warning">
              {t(
                'Whoever holds this key can answer in anybody’s name, as if by a link. Nothing but the key vouches for those answers, and the record says so. Keep it on a server that signs people in itself.',
              )}
            </Banner>
          )}
          {placed.beside.has('/scopes') && (
            <p className="text-sm font-medium text-danger">
              <span aria-hidden="true">⚠ </span>
              {placed.beside.get('/scopes')}
            </p>
          )}
        </fieldset>
        <SelectField
          label={t('Works for')}
          value={form.life}
          options={LIVES}
          onChange={(event) => setForm({ ...form, life: event.target.value })}
        />
        <div>
          <Button type="submit" tone="primary" busy={create.isPending}>
            {t('Create key')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}
