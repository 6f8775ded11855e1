// One event (P108, P116): what it says, where it came from while that is not erased, and its proof, which this browser checks by itself.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { readExact } from '../exact.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { ContentCard } from '../ui/content.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { saveText } from '../ui/save.ts'
import { Mono, Resource, Who } from './frame.tsx'
import { type Checked, checkProof, type Proof } from './proof.ts'

type Detail = RouteAnswer<'GET /events/:id'>

export function EventPage({ id }: { id: string }) {
  const event = useQuery({
    queryKey: ['audit', 'event', id],
    queryFn: () => api.call('GET /events/:id', { params: { id } }),
    // Until it is proved: a second for the seal, a minute for the checkpoint.
    refetchInterval: (query) => (query.state.data && !query.state.data.seal?.checkpointed ? 2_000 : false),
  })
  useTitle(event.data?.type ?? t('Event'))
  if (!event.data) return event.isPending ? <p className="text-muted">{t('Loading…')}</p> : <Refusal error={event.error} />
  const { type, class: kind, data, before, after, decision } = event.data
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.audit()} className="text-sm text-muted underline underline-offset-4">
        {t('All events')}
      </Link>
      <PageTitle title={type}>
        <Badge tone="quiet">{kind}</Badge>
      </PageTitle>
      <div className="-mt-4">
        <Mono text={id} />
      </div>
      <Facts event={event.data} />
      <ProofCard event={event.data} />
      <ContentCard title={t('Data')} label={t('the data')} value={readExact(JSON.stringify(data))} />
      {(before || after) && (
        <ContentCard title={t('Before and after')} label={t('the change')} value={readExact(JSON.stringify({ before, after }))} />
      )}
      {decision && <ContentCard title={t('Decision')} label={t('the decision')} value={readExact(JSON.stringify(decision))} />}
      <Card title={t('Exact text')}>
        <p className="text-muted">{t('These bytes are hashed, exported and verified.')}</p>
        <Copyable label={t('the text')} text={event.data.body} />
      </Card>
    </div>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1">
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="min-w-0 wrap-anywhere">{children}</dd>
    </div>
  )
}

const PROVED: Record<string, string> = {
  key: t('by a key'),
  session: t('by a session'),
  step_up: t('by a session with a fresh proof of presence'),
}

function Facts({ event }: { event: Detail }) {
  const { actor, on_behalf_of, resource, origin, request_id, trace_id, occurred_at } = event
  return (
    <Card title={t('What happened')}>
      <dl className="grid gap-4 sm:grid-cols-2">
        <Fact name={t('When')}>{exact(occurred_at)}</Fact>
        <Fact name={t('Who')}>
          <Who actor={actor} />
          {actor.assurance && <span className="text-sm text-muted">{PROVED[actor.assurance]}</span>}
        </Fact>
        <Fact name={t('To what')}>
          <Resource resource={resource} />
        </Fact>
        <Fact name={t('For whom')}>
          {on_behalf_of.length === 0 ? '–' : on_behalf_of.map((one) => <Who key={one.id} actor={one} />)}
        </Fact>
        <Fact name={t('From where')}>
          {origin === null && '–'}
          {origin?.erased && t('erased with the person’s key; the record stands')}
          {origin && !origin.erased && (
            <span className="flex flex-col">
              {[origin.name, origin.email, origin.address].filter(Boolean).join(' · ')}
              <span className="text-sm text-muted">{origin.client}</span>
            </span>
          )}
        </Fact>
        <Fact name={t('Request')}>
          <Mono text={[request_id, trace_id].filter(Boolean).join(' · ') || '–'} />
        </Fact>
      </dl>
    </Card>
  )
}

function ProofCard({ event }: { event: Detail }) {
  const me = useUser()
  const { seal } = event
  const mayVerify = closedTo(me, 'audit.verify', t('read proofs'))
  const proved = useQuery({
    queryKey: ['audit', 'proof', event.id],
    queryFn: async () => {
      const proof = await api.call('GET /audit/proofs/:event_id', { params: { event_id: event.id } })
      return { proof, checked: await checkProof(event.body, event.tenant_id, proof) }
    },
    enabled: seal?.checkpointed === true && mayVerify === undefined,
  })
  const state = !seal ? t('waits to be sealed') : seal.checkpointed ? t('sealed and signed') : t('sealed, signed within a minute')
  return (
    <Card
      title={t('Proof')}
      badge={<Badge tone={seal?.checkpointed ? 'good' : 'info'}>{state}</Badge>}
      aside={<ReceiptButton event={event} />}
    >
      <Refusal error={proved.error} />
      {mayVerify && <p className="text-muted">{mayVerify}</p>}
      {seal && (
        <dl className="grid gap-4 sm:grid-cols-2">
          <Fact name={t('Number in the log')}>#{seal.seq}</Fact>
          <Fact name={t('Sealed')}>{exact(seal.sealed_at)}</Fact>
          <Fact name={t('Hash')}>
            <Mono text={seal.hash} />
          </Fact>
          <Fact name={t('Follows')}>
            <Mono text={seal.prev_hash} />
          </Fact>
        </dl>
      )}
      {proved.data && <Judgement {...proved.data} />}
    </Card>
  )
}

const PARTS: [keyof Checked, string][] = [
  ['text', t('the text has the digest that was sealed')],
  ['link', t('the seal follows from the one before')],
  ['root', t('the seal stands in the tree that the checkpoint signs')],
]

function Judgement({ proof, checked }: { proof: Proof; checked: Checked | null }) {
  if (!checked)
    return <p className="text-muted">{t('This page came without https, so the browser may not check the proof itself.')}</p>
  return (
    <div className="flex flex-col gap-2">
      <p className="font-medium">
        {t('Checked in this browser, with {proof} hashes up to the root:', { proof: proof.proof.length })}
      </p>
      <ul className="flex flex-col gap-1">
        {PARTS.map(([part, says]) => (
          <li key={part} className={checked[part] ? '' : 'font-medium text-danger'}>
            <span aria-hidden="true">{checked[part] ? '✓ ' : '✗ '}</span>
            <span className="sr-only">{checked[part] ? t('Holds:') : t('Fails:')} </span>
            {says}
          </li>
        ))}
      </ul>
      <details>
        <summary className="cursor-pointer text-sm text-muted">
          {t('The signed checkpoint of {size} events', { size: proof.size })}
        </summary>
        <Copyable label={t('the note')} text={proof.note} block />
      </details>
    </div>
  )
}

function ReceiptButton({ event }: { event: Detail }) {
  const me = useUser()
  const get = useMutation({
    mutationFn: async () => {
      const { receipt } = await api.call('GET /events/:id/receipt', { params: { id: event.id } })
      saveText(`${event.id}.jws`, `${receipt}\n`)
    },
  })
  const why = closedTo(me, 'audit.verify', t('take receipts')) ?? (event.seal ? undefined : t('It is sealed within a second.'))
  return (
    <>
      <Button small reason={why} busy={get.isPending} onClick={() => get.mutate()}>
        {t('Save receipt')}
      </Button>
      <Refusal error={get.error} />
    </>
  )
}
