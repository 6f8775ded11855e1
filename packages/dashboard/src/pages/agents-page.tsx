// Agents and their keys: who asks here, and with what. A key is shown once, when it is made; afterwards only its beginning and end.
import type { Agent } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { sample } from '../sample.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { KeyRows } from './key-rows.tsx'
import { ShownOnce } from './shown-once.tsx'

export function AgentsPage() {
  useTitle(t('Agents'))
  const me = useUser()
  const [search, setSearch] = useSearchParams()
  const { rows, query } = useList(['agents'], (cursor) => api.agents.list({ cursor }))
  const [shown, setShown] = useState<string | null>(null)
  const open = (wanted: boolean) => setSearch(wanted ? { new: 'agent' } : {})

  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Agents')}>
        <Button tone="primary" reason={closedTo(me, 'agent.create', t('make agents'))} onClick={() => open(true)}>
          {t('New agent')}
        </Button>
      </PageTitle>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && (
        <p className="card p-6 text-muted">
          {t('No agent yet. An agent is a program that may ask people; make one, then give it a key.')}
        </p>
      )}
      {rows.map((agent) => (
        <AgentCard key={agent.id} agent={agent} onSecret={setShown} />
      ))}
      <More query={query} />
      <Dialog open={search.get('new') === 'agent'} onClose={() => open(false)} title={t('New agent')}>
        <NewAgent onDone={() => open(false)} />
      </Dialog>
      <ShownOnce secret={shown} onClose={() => setShown(null)} title={t('Your new key')} label={t('key')}>
        <p className="text-muted">{t('A script that asks with it:')}</p>
        <Copyable label={t('sample')} text={sample(location.origin)} block />
      </ShownOnce>
    </div>
  )
}

function NewAgent({ onDone }: { onDone: () => void }) {
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const create = useMutation({
    mutationFn: () => api.agents.create({ name, environment: 'live' }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['agents'] })
      onDone()
    },
  })
  const error = placeErrors(create.error, ['/name']).beside.get('/name')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate()
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      {!error && <Refusal error={create.error} />}
      <TextField
        label={t('Name')}
        hint={t('People read it beside each question, for instance “Refund bot”.')}
        value={name}
        error={error}
        onChange={(event) => setName(event.target.value)}
      />
      <div>
        <Button type="submit" tone="primary" busy={create.isPending}>
          {t('Create agent')}
        </Button>
      </div>
    </form>
  )
}

const STATES = {
  active: { word: t('Active'), tone: 'good' },
  paused: { word: t('Paused'), tone: 'warn' },
  revoked: { word: t('Revoked'), tone: 'quiet' },
  unclaimed: { word: t('Unclaimed'), tone: 'info' },
} as const

function AgentCard({ agent, onSecret }: { agent: Agent; onSecret: (secret: string) => void }) {
  const me = useUser()
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const { rows, query } = useList(['keys', agent.id], (cursor) => api.keys.list({ agent_id: agent.id, cursor }))
  const refresh = () => {
    void queries.invalidateQueries({ queryKey: ['keys', agent.id] })
    void queries.invalidateQueries({ queryKey: ['agents'] })
  }
  const change = useMutation({
    mutationFn: (state: 'active' | 'paused' | 'revoked') => api.agents.update(agent.id, { state }),
    onSettled: refresh,
  })
  const create = useMutation({
    mutationFn: () => run(() => api.keys.create({ kind: 'agt', agent_id: agent.id })),
    onSuccess: (made) => made.secret && onSecret(made.secret),
    onSettled: refresh,
  })
  const name = visible(agent.name)
  const over = agent.state === 'revoked' ? t('A revoked agent stays revoked.') : undefined
  const locked = over ?? closedTo(me, 'agent.update', t('change agents'))
  const { word, tone } = STATES[agent.state]

  return (
    <Card
      title={name}
      badge={<Badge tone={tone}>{word}</Badge>}
      aside={
        <div className="flex flex-wrap items-center gap-2">
          <Button
            small
            reason={over ?? closedTo(me, 'key.create', t('make keys'))}
            busy={create.isPending}
            onClick={() => create.mutate()}
            aria-label={t('New key for {name}', { name })}
          >
            {t('New key')}
          </Button>
          <Button
            small
            reason={locked}
            busy={change.isPending}
            onClick={() => change.mutate(agent.state === 'paused' ? 'active' : 'paused')}
            aria-label={agent.state === 'paused' ? t('Resume {name}', { name }) : t('Pause {name}', { name })}
          >
            {agent.state === 'paused' ? t('Resume') : t('Pause')}
          </Button>
          <Confirm
            name={t('Revoke')}
            title={t('Revoke {name}', { name })}
            confirm={t('Revoke the agent')}
            reason={locked}
            busy={change.isPending}
            onConfirm={() => change.mutate('revoked')}
          >
            {t('The agent and all of its keys are refused from now on. This cannot be undone.')}
          </Confirm>
        </div>
      }
    >
      <Refusal error={query.error ?? change.error ?? create.error} />
      {query.data && rows.length === 0 && <p className="text-muted">{t('No key yet.')}</p>}
      <KeyRows rows={rows} onSecret={onSecret} onChange={refresh} />
      <More query={query} />
      {dialog}
    </Card>
  )
}
