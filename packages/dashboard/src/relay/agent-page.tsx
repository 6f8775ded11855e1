// The card of anybody's agent as others see it (relay.md R128): what it says, how one stands to it, and the request to be let in. What stands on it was written by strangers: text, and
// addresses that nothing opens by itself.
import type { AgentCard, CardSkill } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'
import { RequestBadge, useRelayAct } from './words.tsx'

type Viewer = AgentCard['viewer']
/** As far as the page reads the document; whatever else it holds is not shown. */
type Said = {
  name: string
  summary: string
  description?: string
  provider?: { name: string; url: string }
  documentation_url?: string
  skills: CardSkill[]
  accepted_inputs: string[]
  expected_outputs: string[]
  version: number
}

export function AgentPage({ slug }: { slug: string }) {
  const query = useQuery({
    queryKey: ['relay', 'agent', slug],
    queryFn: async () => {
      const found = await api.call('GET /agents/:id', { params: { id: slug } })
      // A slug is answered by a card, and only an id by an agent of ours.
      return found as AgentCard
    },
  })
  const card = query.data?.card as unknown as Said | undefined
  useTitle(card ? visible(card.name) : t('Agent'))
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.listing()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Listing')}
      </Link>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {card && query.data && (
        <>
          <h1 className="min-w-0 text-2xl font-semibold tracking-tight wrap-anywhere">
            <AgentText text={card.name} />
          </h1>
          <p className="-mt-3 text-muted">
            <AgentText text={card.summary} />
          </p>
          <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
            <div className="flex min-w-0 flex-col gap-5">
              <SaysCard card={card} slug={slug} />
              <SkillsCard skills={card.skills} />
            </div>
            <Standing slug={slug} viewer={query.data.viewer} skills={card.skills} />
          </div>
        </>
      )}
    </div>
  )
}

function SaysCard({ card, slug }: { card: Said; slug: string }) {
  const rows: Row[] = [
    [
      t('Slug'),
      <span key="slug" className="font-mono text-xs">
        {slug}
      </span>,
    ],
    [t('Version'), card.version],
    ...(card.provider
      ? [[t('Provider'), <AgentText key="provider" text={`${card.provider.name} (${card.provider.url})`} />] as Row]
      : []),
    ...(card.documentation_url ? [[t('Documentation'), <AgentText key="docs" text={card.documentation_url} />] as Row] : []),
    [t('Takes'), visible(card.accepted_inputs.join(', '))],
    [t('Gives'), visible(card.expected_outputs.join(', '))],
  ]
  return (
    <Card title={t('What it says')}>
      {card.description && (
        <p>
          <AgentText text={card.description} />
        </p>
      )}
      <Described rows={rows} />
    </Card>
  )
}

const SkillsCard = ({ skills }: { skills: readonly CardSkill[] }) => (
  <Card title={t('Skills')}>
    <ul className="flex min-w-0 flex-col divide-y divide-line">
      {skills.map((skill) => (
        <li key={skill.id} className="flex min-w-0 flex-col gap-0.5 py-2 first:pt-0 last:pb-0">
          <p className="font-medium">
            <AgentText text={skill.name} />
          </p>
          <p>
            <AgentText text={skill.description} />
          </p>
          <p className="text-sm text-muted">
            <AgentText text={skill.tags.join(' · ')} />
          </p>
        </li>
      ))}
    </ul>
  </Card>
)

function Standing({ slug, viewer, skills }: { slug: string; viewer: Viewer; skills: readonly CardSkill[] }) {
  if (viewer.relay_grant)
    return (
      <Card title={t('You work with it')}>
        <p>{t('An agent of yours has a relay grant.')}</p>
        <Link href={paths.relayGrant(viewer.relay_grant.id)} className="self-start underline underline-offset-4">
          {t('The relay grant')}
        </Link>
      </Card>
    )
  return (
    <Card title={t('Ask to work with it')}>
      {viewer.request && (
        <p className="flex flex-wrap items-center gap-2">
          <RequestBadge state={viewer.request.state} />
          <Link href={paths.connectionRequest(viewer.request.id)} className="underline underline-offset-4">
            {t('Your connection request')}
          </Link>
        </p>
      )}
      {viewer.request?.state !== 'pending' && <Ask slug={slug} skills={skills} />}
    </Card>
  )
}

function Ask({ slug, skills }: { slug: string; skills: readonly CardSkill[] }) {
  const me = useUser()
  const [, go] = useLocation()
  const agents = useQuery({ queryKey: ['agents', 'names'], queryFn: () => api.agents.list({ limit: 200 }), staleTime: 60_000 })
  const own = (agents.data?.data ?? []).filter(({ state }) => state === 'active')
  const [typed, setTyped] = useState({ agent: '', purpose: '', days: '90' })
  const [wanted, setWanted] = useState<readonly string[]>([])
  const chosen = typed.agent || (own[0]?.id ?? '')
  const ask = useRelayAct(
    () =>
      api.call('POST /agents/:slug/connection-requests', {
        params: { slug },
        body: {
          ...{ purpose: typed.purpose, from_agent_id: chosen },
          ...(wanted.length === 0 ? {} : { skills: [...wanted] }),
          ...(typed.days.trim() === '' ? {} : { expires_in_seconds: Math.round(Number(typed.days) * 86_400) }),
        },
      }),
    ({ id }) => go(paths.connectionRequest(id)),
  )
  const placed = placeErrors(ask.error, ['/purpose', '/expires_in_seconds', '/from_agent_id'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    ask.mutate(undefined)
  }
  const toggle = (id: string) => setWanted(wanted.includes(id) ? wanted.filter((one) => one !== id) : [...wanted, id])
  const closed = closedTo(me, 'connection_request.create', t('ask for connections'))
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
      {agents.data && own.length === 0 && (
        <Banner tone="info">{t('You need an agent of your own first: it is the one that asks.')}</Banner>
      )}
      <SelectField
        label={t('Which agent of yours asks')}
        value={chosen}
        options={own.map(({ id, name }) => ({ value: id, label: visible(name) }))}
        onChange={(event) => setTyped({ ...typed, agent: event.target.value })}
      />
      <TextArea
        label={t('What for')}
        hint={t('People of its owner read this before they decide.')}
        rows={3}
        value={typed.purpose}
        error={placed.beside.get('/purpose')}
        onChange={(event) => setTyped({ ...typed, purpose: event.target.value })}
      />
      <fieldset className="flex flex-col gap-1">
        <legend className="mb-1 font-medium">{t('For which skills')}</legend>
        {skills.map((skill) => (
          <label key={skill.id} className="flex items-center gap-2">
            <input type="checkbox" checked={wanted.includes(skill.id)} onChange={() => toggle(skill.id)} />
            <AgentText text={skill.name} />
          </label>
        ))}
        <p className="text-sm text-muted">{t('None ticked: all of them.')}</p>
      </fieldset>
      <TextField
        label={t('For how many days')}
        inputMode="decimal"
        value={typed.days}
        error={placed.beside.get('/expires_in_seconds')}
        onChange={(event) => setTyped({ ...typed, days: event.target.value })}
      />
      <Refusal error={ask.error} placed={placed} />
      <div>
        <Button
          type="submit"
          tone="primary"
          busy={ask.isPending}
          reason={closed ?? (own.length === 0 ? t('You need an agent of your own first.') : undefined)}
        >
          {t('Ask to be connected')}
        </Button>
      </div>
    </form>
  )
}
