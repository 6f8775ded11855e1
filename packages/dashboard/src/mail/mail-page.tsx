// Senders of mail: who mails come from, whether they arrive, and what failed last. Passwords and keys go in and never come out.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { ShownOnce } from '../pages/shown-once.tsx'
import { CHANNELS } from '../slack/channels.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { Sections } from '../ui/sections.tsx'
import { EditSender } from './edit-sender.tsx'
import { NewSender } from './new-sender.tsx'
import { TestSender } from './test-sender.tsx'

type Sender = RouteAnswer<'GET /channels/email/identities'>['data'][number]

export function MailPage() {
  useTitle(t('Mail'))
  const me = useUser()
  const [search, setSearch] = useSearchParams()
  const [secret, setSecret] = useState<{ secret: string; url: string } | null>(null)
  const closed = closedTo(me, 'task.configure', t('set up channels'))
  const list = useQuery({
    queryKey: ['mail', 'senders'],
    queryFn: () => api.call('GET /channels/email/identities'),
    enabled: closed === undefined,
    refetchInterval: 10_000,
  })
  const show = (values: Record<string, string>) => setSearch(values)
  // A dialog that closes because another opens says so too: each takes only its own word out of the address.
  const close = (name: 'new' | 'test' | 'edit') =>
    setSearch((now) => {
      now.delete(name)
      return now
    })
  const tested = search.get('test')
  const edited = list.data?.data.find(({ id }) => id === search.get('edit'))
  const keep = ({ inbound_secret, inbound_url }: { inbound_secret: string | null; inbound_url: string | null }) => {
    if (inbound_secret && inbound_url) setSecret({ secret: inbound_secret, url: inbound_url })
  }
  return (
    <Sections
      name={t('Channels')}
      places={CHANNELS}
      title={t('Mail')}
      aside={
        <Button tone="primary" reason={closed} onClick={() => show({ new: 'sender' })}>
          {t('New sender')}
        </Button>
      }
    >
      {closed && <Banner tone="info">{closed}</Banner>}
      <Refusal error={list.error} />
      {list.data?.data.length === 0 && (
        <Empty>
          {t('No sender yet. With one, people who are asked get a mail, and answer by a link in it without signing in.')}
        </Empty>
      )}
      {list.data && list.data.data.length > 0 && (
        <Senders rows={list.data.data} onTest={(test) => show({ test })} onEdit={(edit) => show({ edit })} />
      )}
      <Dialog open={search.get('new') === 'sender'} onClose={() => close('new')} title={t('New sender')}>
        <NewSender
          onMade={(made) => {
            show({ test: made.id })
            keep(made)
          }}
        />
      </Dialog>
      <Dialog open={edited !== undefined} onClose={() => close('edit')} title={t('Change {id}', { id: edited?.id ?? '' })}>
        {edited && (
          <EditSender
            key={edited.id}
            sender={edited}
            onDone={(changed) => {
              close('edit')
              keep(changed)
            }}
          />
        )}
      </Dialog>
      <Dialog open={tested !== null} onClose={() => close('test')} title={t('Test of {tested}', { tested: tested ?? '' })}>
        {tested !== null && <TestSender key={tested} id={tested} to={me.email} onDone={() => close('test')} />}
      </Dialog>
      <ShownOnce
        secret={secret?.secret ?? null}
        onClose={() => setSecret(null)}
        title={t('The secret for replies')}
        label={t('secret')}
      >
        <p className="text-muted wrap-anywhere">
          {t('Your mail provider posts what arrives to {url}, signed with it; docs/tasks/mail.md shows how.', {
            url: secret?.url,
          })}
        </p>
      </ShownOnce>
    </Sections>
  )
}

type SendersProps = { rows: Sender[]; onTest: (id: string) => void; onEdit: (id: string) => void }

function Senders({ rows, onTest, onEdit }: SendersProps) {
  const now = useNow()
  return (
    <Table
      label={t('Senders of mail')}
      rows={rows}
      id={(one) => one.id}
      columns={[
        {
          name: t('Sender'),
          cell: (one) => (
            <span className="flex flex-col items-start">
              <span>
                {visible(one.id)} {one.is_default && <Badge tone="quiet">{t('Default')}</Badge>}
              </span>
              <span className="text-xs font-normal text-muted wrap-anywhere">{visible(one.from_email)}</span>
            </span>
          ),
        },
        { name: t('By'), cell: (one) => one.transport },
        { name: t('State'), cell: (one) => <State sender={one} /> },
        { name: t('Last mail'), cell: (one) => (one.last_sent_at ? <When at={one.last_sent_at} now={now} /> : t('none yet')) },
        { name: t('Replies'), cell: (one) => (one.inbound_domain ? visible(one.inbound_domain) : '–') },
        { name: '', cell: (one) => <Acts sender={one} onTest={() => onTest(one.id)} onEdit={() => onEdit(one.id)} /> },
      ]}
    />
  )
}

function State({ sender }: { sender: Sender }) {
  if (sender.last_error)
    return (
      <span className="flex flex-col items-start gap-1">
        <Badge tone="bad">{t('Failing')}</Badge>
        <span className="text-xs text-muted">{visible(sender.last_error)}</span>
      </span>
    )
  return sender.verified_at ? <Badge tone="good">{t('Verified')}</Badge> : <Badge tone="warn">{t('Not verified')}</Badge>
}

function Acts({ sender, onTest, onEdit }: { sender: Sender; onTest: () => void; onEdit: () => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const options = { onSettled: () => queries.invalidateQueries({ queryKey: ['mail'] }) }
  const params = { id: sender.id }
  const choose = useMutation({
    mutationFn: () => run(() => api.call('PATCH /channels/email/identities/:id', { params, body: { is_default: true } })),
    ...options,
  })
  const remove = useMutation({
    mutationFn: () => run(() => api.call('DELETE /channels/email/identities/:id', { params })),
    ...options,
  })
  return (
    <span className="flex flex-wrap justify-end gap-2">
      <Refusal error={choose.error ?? remove.error} />
      <Button small aria-label={t('Test {id}', { id: sender.id })} onClick={onTest}>
        {t('Test')}
      </Button>
      <Button small aria-label={t('Change {id}', { id: sender.id })} onClick={onEdit}>
        {t('Change')}
      </Button>
      {!sender.is_default && (
        <Button
          small
          aria-label={t('Make {id} the default', { id: sender.id })}
          busy={choose.isPending}
          onClick={() => choose.mutate()}
        >
          {t('Make default')}
        </Button>
      )}
      <Confirm
        name={t('Remove')}
        title={t('Remove {id}', { id: sender.id })}
        confirm={t('Remove it')}
        busy={remove.isPending}
        onConfirm={() => remove.mutate()}
      >
        {t('Its password or key is dropped. What it has sent stays where it is, and its links work on.')}
      </Confirm>
      {dialog}
    </span>
  )
}
