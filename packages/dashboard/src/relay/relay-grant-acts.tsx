// What is done with a relay grant, from either side: another token, another end and limits, and its end with what that brings about. A token is shown once and kept nowhere.
import type { RelayGrantInUse } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { figure } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { ShownOnce } from '../pages/shown-once.tsx'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { AgentText } from '../ui/content.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { LimitFields, useLimits } from './limit-fields.tsx'
import { LIMIT_NAMES } from './terms.tsx'
import { OPEN_STATES, stateOf, ThreadBadge, useRelayAct } from './words.tsx'

type Open = 'rotate' | 'change' | 'revoke' | null
type Props = { grant: RelayGrantInUse; onClose: () => void }

const OVERLAPS = [
  { value: '86400', label: t('one day') },
  { value: '3600', label: t('one hour') },
  { value: '604800', label: t('one week') },
  { value: '0', label: t('none: the old one ends now') },
]

export function RelayGrantActs({ grant }: { grant: RelayGrantInUse }) {
  const me = useUser()
  const [open, setOpen] = useState<Open>(null)
  const [secret, setSecret] = useState<string | null>(null)
  const state = stateOf(grant)
  const renew = useRelayAct(
    () => api.call('POST /relay-grants/:id/renew', { params: { id: grant.id } }),
    (made) => setSecret(made.relay_token ?? null),
  )
  const close = () => setOpen(null)
  if (state === 'revoked') return null
  const rotate = closedTo(me, 'relay_grant.rotate', t('make relay tokens'))
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        {state === 'active' && (
          <>
            <Button small reason={rotate} onClick={() => setOpen('rotate')}>
              {t('Rotate the token')}
            </Button>
            {grant.side === 'owner' && (
              <Button
                small
                reason={closedTo(me, 'relay_grant.update', t('change relay grants'))}
                onClick={() => setOpen('change')}
              >
                {t('Change')}
              </Button>
            )}
            <Button
              small
              tone="danger"
              reason={closedTo(me, 'relay_grant.revoke', t('revoke relay grants'))}
              onClick={() => setOpen('revoke')}
            >
              {t('Revoke')}
            </Button>
          </>
        )}
        {state === 'expired' && grant.side === 'owner' && (
          <Button small tone="primary" reason={rotate} busy={renew.isPending} onClick={() => renew.mutate(undefined)}>
            {t('Renew it')}
          </Button>
        )}
      </div>
      <Refusal error={renew.error} />
      <Dialog open={open === 'rotate'} onClose={close} title={t('Rotate the token')}>
        <Rotate
          grant={grant}
          onClose={close}
          onSecret={(token) => {
            close()
            setSecret(token)
          }}
        />
      </Dialog>
      <Dialog open={open === 'change'} onClose={close} title={t('Change the relay grant')}>
        <Change grant={grant} onClose={close} />
      </Dialog>
      <Dialog open={open === 'revoke'} onClose={close} title={t('Revoke the relay grant')}>
        <Revoke grant={grant} onClose={close} />
      </Dialog>
      <ShownOnce secret={secret} onClose={() => setSecret(null)} title={t('The new relay token')} label={t('relay token')}>
        {grant.side === 'owner' && (
          <p className="text-muted">{t('Whoever holds it is the caller. Hand it over on a way that only they can read.')}</p>
        )}
      </ShownOnce>
    </div>
  )
}

function Rotate({ grant, onSecret }: Props & { onSecret: (token: string | null) => void }) {
  const [overlap, setOverlap] = useState('86400')
  const isOpen = grant.tokens.filter((one) => one.is_live).length > 1
  const rotate = useRelayAct(
    () =>
      api.call('POST /relay-grants/:id/rotate', {
        params: { id: grant.id },
        body: { overlap_seconds: Number(overlap), ...(isOpen ? { force: true } : {}) },
      }),
    (made) => onSecret(made.relay_token ?? null),
  )
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    rotate.mutate(undefined)
  }
  return (
    <form onSubmit={onSubmit} className="flex flex-col gap-4">
      <p>{t('A new token is made and shown once. Both sides are told. The life of the relay grant begins anew.')}</p>
      {isOpen && <p className="text-warn">{t('Two tokens work already: the older of them ends at once.')}</p>}
      <SelectField
        label={t('Both work for')}
        value={overlap}
        options={OVERLAPS}
        onChange={(event) => setOverlap(event.target.value)}
      />
      <Refusal error={rotate.error} />
      <div>
        <Button type="submit" tone="primary" busy={rotate.isPending}>
          {t('Make a new token')}
        </Button>
      </div>
    </form>
  )
}

function Change({ grant, onClose }: Props) {
  const [label, setLabel] = useState(grant.label)
  const [until, setUntil] = useState(grant.ends_at?.slice(0, 10) ?? '')
  const { limits, ...limitFields } = useLimits(grant.limits)
  const save = useRelayAct(
    () =>
      api.call('PATCH /relay-grants/:id', {
        params: { id: grant.id },
        headers: { 'if-match': `"${grant.version}"` },
        body: {
          label,
          ends_at: until === '' ? null : `${until}T23:59:59.000Z`,
          limits,
        },
      }),
    onClose,
  )
  const placed = placeErrors(save.error, ['/label', '/ends_at', ...LIMIT_NAMES.map((name) => `/limits/${name}`)])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate(undefined)
  }
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
      <TextField
        label={t('Name')}
        value={label}
        error={placed.beside.get('/label')}
        onChange={(event) => setLabel(event.target.value)}
      />
      <TextField
        label={t('Never beyond')}
        hint={t('Left empty, it lives as long as its newest token.')}
        type="date"
        value={until}
        error={placed.beside.get('/ends_at')}
        onChange={(event) => setUntil(event.target.value)}
      />
      <LimitFields {...limitFields} errors={placed.beside} />
      <p className="text-sm text-muted">{t('Empty: the usual limit. 0: none.')}</p>
      <Refusal error={save.error} placed={placed} />
      <div>
        <Button type="submit" tone="primary" busy={save.isPending}>
          {t('Save')}
        </Button>
      </div>
    </form>
  )
}

/** With the threads that it ends, read the moment before. */
function Revoke({ grant, onClose }: Props) {
  const [reason, setReason] = useState('')
  const threads = useQuery({
    queryKey: ['relay', 'threads', 'ended-by', grant.id],
    queryFn: () =>
      api.call('GET /threads', {
        query: { side: grant.side, relay_grant_id: grant.id, state: OPEN_STATES.join(','), limit: 5 },
      }),
    gcTime: 0,
  })
  const count = grant.usage.open_threads
  const revoke = useRelayAct(
    () =>
      api.call('POST /relay-grants/:id/revoke', {
        params: { id: grant.id },
        body: reason.trim() === '' ? {} : { reason },
      }),
    onClose,
  )
  const placed = placeErrors(revoke.error, ['/reason'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    revoke.mutate(undefined)
  }
  const shown = threads.data?.data ?? []
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
      <p>
        {t(
          'From then on nothing is accepted under it, and its tokens work no more. What was said stays readable. This cannot be undone.',
        )}
      </p>
      <div className="flex flex-col gap-1">
        <p className="font-medium">
          {t('{count, plural, =0 {No open thread ends.} one {# open thread ends:} other {# open threads end:}}', { count })}
        </p>
        <ul className="flex flex-col gap-1" aria-label={t('Threads that end')}>
          {shown.map((one) => (
            <li key={one.id} className="flex flex-wrap items-center gap-2 text-sm">
              <span className="font-mono text-xs wrap-anywhere">{one.id}</span>
              <ThreadBadge thread={one} />
              {one.skill !== null && <AgentText text={one.skill} />}
            </li>
          ))}
        </ul>
        {count > shown.length && shown.length > 0 && (
          <p className="text-sm text-muted">{t('and {count} more', { count: figure(count - shown.length) })}</p>
        )}
      </div>
      <Refusal error={threads.error ?? revoke.error} placed={placed} />
      <TextField
        label={t('Reason (both sides read it)')}
        value={reason}
        error={placed.beside.get('/reason')}
        onChange={(event) => setReason(event.target.value)}
      />
      <div>
        <Button type="submit" tone="danger" busy={revoke.isPending}>
          {t('Revoke it now')}
        </Button>
      </div>
    </form>
  )
}
