// The people of this tenant: their roles, and the invitations by which others join. No mail is sent; whoever invites hands the link over.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { exact, relative, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { PersonRow, ROLES } from './person-row.tsx'
import { ShownOnce } from './shown-once.tsx'

type Invitation = RouteAnswer<'GET /invitations'>['data'][number]
type NewInvitation = RouteBody<'POST /invitations'>

export function PeoplePage() {
  useTitle(t('People'))
  const me = useUser()
  const [search, setSearch] = useSearchParams()
  const [link, setLink] = useState<string | null>(null)
  const open = (wanted: boolean) => setSearch(wanted ? { new: 'invitation' } : {})
  const closed = closedTo(me, 'user.invite', t('invite people'))
  const { rows, query } = useList(['users'], (cursor) => api.users.list({ cursor }))
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('People')}>
        <Button tone="primary" reason={closed} onClick={() => open(true)}>
          {t('Invite somebody')}
        </Button>
      </PageTitle>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {rows.length > 0 && (
        <Card title={t('Members')}>
          <ul className="-my-1 divide-y divide-line">
            {rows.map((person) => (
              <PersonRow key={person.id} person={person} />
            ))}
          </ul>
          <More query={query} />
        </Card>
      )}
      {!closed && <Invitations />}
      <Dialog open={search.get('new') === 'invitation'} onClose={() => open(false)} title={t('Invite somebody')}>
        <Invite
          onMade={(made) => {
            open(false)
            setLink(made)
          }}
        />
      </Dialog>
      <ShownOnce secret={link} onClose={() => setLink(null)} title={t('The link of the invitation')} label={t('link')}>
        <p className="text-muted">
          {t('Hand it over yourself. It works once, for seven days, and only for the address you named.')}
        </p>
      </ShownOnce>
    </div>
  )
}

function Invite({ onMade }: { onMade: (link: string) => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [form, setForm] = useState<NewInvitation>({ email: '', role: 'member' })
  const invite = useMutation({
    mutationFn: () => run(() => api.invitations.create(form)),
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ['invitations'] })
      if (made.link) onMade(made.link)
    },
  })
  const placed = placeErrors(invite.error, ['/email'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    invite.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={invite.error} placed={placed} />}
        <TextField
          label={t('E-mail')}
          type="email"
          autoComplete="off"
          value={form.email}
          error={placed.beside.get('/email')}
          onChange={(event) => setForm({ ...form, email: event.target.value })}
        />
        <SelectField
          label={t('Role')}
          value={form.role}
          options={ROLES.map(({ role, does }) => ({ value: role, label: `${role}: ${does}` }))}
          onChange={(event) => setForm({ ...form, role: event.target.value as NewInvitation['role'] })}
        />
        <div>
          <Button type="submit" tone="primary" busy={invite.isPending}>
            {t('Make invitation')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}

function Invitations() {
  const { rows, query } = useList(['invitations'], (cursor) => api.invitations.list({ cursor }))
  if (query.data && rows.length === 0) return null
  return (
    <Card title={t('Invitations')}>
      <Refusal error={query.error} />
      <ul className="-my-1 divide-y divide-line">
        {rows.map((invitation) => (
          <InvitationRow key={invitation.id} invitation={invitation} />
        ))}
      </ul>
      <More query={query} />
    </Card>
  )
}

const STATES = {
  open: { word: t('Open'), tone: 'info' },
  accepted: { word: t('Accepted'), tone: 'good' },
  expired: { word: t('Expired'), tone: 'quiet' },
  revoked: { word: t('Withdrawn'), tone: 'quiet' },
} as const

function InvitationRow({ invitation }: { invitation: Invitation }) {
  const queries = useQueryClient()
  const now = useNow(30_000)
  const { run, dialog } = useStepUp()
  const withdraw = useMutation({
    mutationFn: () => run(() => api.invitations.withdraw(invitation.id)),
    onSettled: () => queries.invalidateQueries({ queryKey: ['invitations'] }),
  })
  const { word, tone } = STATES[invitation.state]
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 py-3">
      <div className="min-w-0">
        <p className="wrap-anywhere">{invitation.email}</p>
        <p className="text-sm text-muted" title={exact(invitation.created_at)}>
          {wireWord(invitation.role)}
          {' · '}
          {t('made {when}', { when: relative(invitation.created_at, now) })}
          {invitation.state === 'open' ? ` · ${t('works until {when}', { when: exact(invitation.expires_at) })}` : ''}
        </p>
        <Refusal error={withdraw.error} />
      </div>
      <div className="flex items-center gap-3">
        <Badge tone={tone}>{word}</Badge>
        {invitation.state === 'open' && (
          <Confirm
            name={t('Withdraw')}
            title={t('Withdraw the invitation of {email}', { email: invitation.email })}
            confirm={t('Withdraw the invitation')}
            busy={withdraw.isPending}
            onConfirm={() => withdraw.mutate()}
          >
            {t('The link stops working.')}
          </Confirm>
        )}
      </div>
      {dialog}
    </li>
  )
}
