// Somebody typed `countersign login` at a machine and reads a code there (vault.md §7.2): one person compares it, looks at which machine asks, from where and since when, and
// signs it in or refuses it. Opening the page decides nothing, and a code that came by a link is not answered before it was compared.
import { Problem } from '@countersign/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { useStepUp } from '../step-up.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { clock, exact, relative, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { arrivedToken } from './arrived.ts'
import { fragmentToken } from './entrance.tsx'

const look = (code: string) => api.call('POST /cli/sign-ins/look', { body: { code }, idempotency: 'none' })
type Asked = Awaited<ReturnType<typeof look>>

export function CliPage() {
  useTitle(t('Sign a command in'))
  const me = useUser()
  const [code, setCode] = useState(() => arrivedToken() || fragmentToken())
  const [ended, setEnded] = useState<'approved' | 'refused' | null>(null)
  const closed = closedTo(me, 'key.create', t('sign commands in'))
  const { run, dialog } = useStepUp()
  const view = useQuery({
    queryKey: ['cli', code],
    queryFn: () => look(code),
    enabled: code !== '' && !closed && ended === null,
    retry: false,
    refetchOnWindowFocus: false,
  })
  const approve = useMutation({
    mutationFn: () => run(() => api.call('POST /cli/sign-ins/approve', { body: { code } })),
    onSuccess: () => setEnded('approved'),
  })
  const refuse = useMutation({
    mutationFn: () => api.call('POST /cli/sign-ins/refuse', { body: { code } }),
    onSuccess: () => setEnded('refused'),
  })

  const fault = view.error ?? approve.error ?? refuse.error

  return (
    <div className="flex max-w-2xl flex-col gap-5">
      <PageTitle title={t('Sign a command in')} />
      {closed && <Banner tone="warning">{closed}</Banner>}
      {ended === 'approved' && (
        <Banner tone="success">
          {rich(
            'The command is signed in as you. You can close this page, and end it at any time under <link>your keys</link>.',
            {
              link: (words) => <Link href={paths.profile()}>{words}</Link>,
            },
          )}
        </Banner>
      )}
      {ended === 'refused' && <Banner tone="info">{t('Refused. The command was given nothing, and its code is over.')}</Banner>}
      {!closed && ended === null && (
        <>
          {isOverOf(fault) ? (
            <Banner tone="error">
              {t('This code was used, is too old, or was never given. Start the command again: it shows a new one.')}
            </Banner>
          ) : (
            <Refusal error={fault} />
          )}
          {view.isLoading && <p className="text-muted">{t('Loading…')}</p>}
          {view.data ? (
            <Question
              code={code}
              asked={view.data}
              busy={approve.isPending || refuse.isPending}
              onApprove={() => approve.mutate()}
              onRefuse={() => refuse.mutate()}
            />
          ) : (
            !view.isLoading && <TypeIn onCode={setCode} />
          )}
        </>
      )}
      {dialog}
    </div>
  )
}

const isOverOf = (error: unknown): boolean => error instanceof Problem && error.code === 'link_expired'

function TypeIn({ onCode }: { onCode: (code: string) => void }) {
  const [typed, setTyped] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (typed.trim() !== '') onCode(typed.trim())
  }
  return (
    <Card title={t('Which code does the terminal show?')}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField
          label={t('Code')}
          hint={t('Eight letters and digits. Type in only what you read on your own machine, never what somebody sent you.')}
          value={typed}
          autoComplete="off"
          spellCheck={false}
          maxLength={20}
          onChange={(event) => setTyped(event.target.value)}
        />
        <div>
          <Button type="submit" tone="primary" reason={typed.trim() === '' ? t('Type the code in first.') : undefined}>
            {t('Look it up')}
          </Button>
        </div>
      </form>
    </Card>
  )
}

type Props = { code: string; asked: Asked; busy: boolean; onApprove: () => void; onRefuse: () => void }

function Question({ code, asked, busy, onApprove, onRefuse }: Props) {
  const me = useUser()
  const now = useNow()
  const isOver = Date.parse(asked.expires_at) <= now
  const over = isOver ? t('This code is over. Start the command again: it shows a new one.') : undefined
  return (
    <Card title={t('A command wants to act as you')}>
      <p>
        {t('Whoever sits at that terminal can then do in {tenant} what {name} may: answer tasks, use and change what you can.', {
          tenant: asked.tenant_name,
          name: me.display_name,
        })}
      </p>
      <div className="flex flex-col gap-2">
        <h3 className="text-sm font-semibold">{t('Does your own terminal show this code?')}</h3>
        <p className="rounded-lg border border-line bg-sunken px-4 py-3 text-center font-mono text-2xl font-semibold tracking-widest">
          {code.toUpperCase()}
        </p>
        <p className="text-sm text-muted">
          {t('If somebody sent you this link or read this code to you, they want to act in your name: refuse it.')}
        </p>
      </div>
      {!asked.same_address && (
        <Banner tone="warning">
          {t(
            'It asked from another address than the one you are at now. That is right for a machine elsewhere, and wrong for this one.',
          )}
        </Banner>
      )}
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 text-sm">
        <dt className="text-muted">{t('Says it is on')}</dt>
        <dd className="wrap-anywhere">
          <AgentText text={asked.client} />
        </dd>
        <dt className="text-muted">{t('Asked from')}</dt>
        <dd className="font-mono">{asked.address ?? t('unknown')}</dd>
        <dt className="text-muted">{t('Asked at')}</dt>
        <dd>
          <time dateTime={asked.asked_at}>{exact(asked.asked_at)}</time> ({relative(asked.asked_at, now)})
        </dd>
        <dt className="text-muted">{t('Would be signed in until')}</dt>
        <dd>
          <time dateTime={asked.session_ends_at}>{exact(asked.session_ends_at)}</time>
        </dd>
      </dl>
      <p role="status" className="text-sm text-muted">
        {over ?? t('This code works once, until {time}.', { time: clock(asked.expires_at, now) })}
      </p>
      <div className="flex flex-wrap gap-3">
        <Button tone="primary" reason={over} busy={busy} onClick={onApprove}>
          {t('I see this code: sign it in')}
        </Button>
        <Button tone="danger" reason={over} busy={busy} onClick={onRefuse}>
          {t('Refuse it')}
        </Button>
      </div>
    </Card>
  )
}
