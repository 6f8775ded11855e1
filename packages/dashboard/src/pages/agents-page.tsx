// Agents and their keys: who asks here, and with what. A key is shown once, when it is made; afterwards only its beginning and end.
import type { Agent, Key } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useEffect, useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { fieldErrors, speak } from '../problem.ts'
import { sample } from '../sample.ts'
import { useStepUp } from '../step-up.tsx'
import { exact, relative, useNow } from '../time.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { TextField } from '../ui/text-field.tsx'

export function AgentsPage() {
  const [search, setSearch] = useSearchParams()
  const agents = useQuery({ queryKey: ['agents'], queryFn: () => api.agents.list() })
  const [shown, setShown] = useState<string | null>(null)
  const making = search.get('new') === 'agent'
  const open = (wanted: boolean) => setSearch(wanted ? { new: 'agent' } : {})
  useEffect(() => {
    document.title = 'Agents · Countersign'
  }, [])
  const rows = agents.data?.data ?? []

  return (
    <div className="flex flex-col gap-6">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-2xl font-semibold tracking-tight">Agents</h1>
        <Button tone="primary" onClick={() => open(true)}>
          New agent
        </Button>
      </div>
      {agents.error && <Banner tone="error">{speak(agents.error).text}</Banner>}
      {agents.data && rows.length === 0 && (
        <p className="card p-6 text-muted">
          No agent yet. An agent is a program that may ask people; make one, then give it a key.
        </p>
      )}
      {rows.map((agent) => (
        <AgentCard key={agent.id} agent={agent} onSecret={setShown} />
      ))}
      <Dialog open={making} onClose={() => open(false)} title="New agent">
        <NewAgent onDone={() => open(false)} />
      </Dialog>
      <Dialog open={shown !== null} onClose={() => setShown(null)} title="Your new key">
        <p>This is the only time it is shown. Keep it where your agent’s secrets are.</p>
        <Copyable label="key" text={shown ?? ''} />
        <p className="text-muted">A script that asks:</p>
        <Copyable label="sample" text={sample(location.origin)} block />
      </Dialog>
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
  const error = fieldErrors(create.error).get('/name')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate()
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      {create.error && !error && <Banner tone="error">{speak(create.error).text}</Banner>}
      <TextField
        label="Name"
        hint="People read it beside each question, for instance “Refund bot”."
        value={name}
        error={error}
        onChange={(event) => setName(event.target.value)}
      />
      <Button type="submit" tone="primary" busy={create.isPending}>
        Create agent
      </Button>
    </form>
  )
}

function AgentCard({ agent, onSecret }: { agent: Agent; onSecret: (secret: string) => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const keys = useQuery({ queryKey: ['keys', agent.id], queryFn: () => api.keys.list({ agent_id: agent.id }) })
  const refresh = () => {
    void queries.invalidateQueries({ queryKey: ['keys', agent.id] })
    void queries.invalidateQueries({ queryKey: ['agents'] })
  }
  const change = useMutation({
    mutationFn: (state: 'active' | 'paused') => api.agents.update(agent.id, { state }),
    onSettled: refresh,
  })
  const create = useMutation({
    mutationFn: () => run(() => api.keys.create({ kind: 'agt', agent_id: agent.id, name: `${agent.name} key` })),
    onSuccess: (made) => made.secret && onSecret(made.secret),
    onSettled: refresh,
  })
  const error = keys.error ?? change.error ?? create.error
  const rows = keys.data?.data ?? []
  return (
    <section className="card flex flex-col gap-4 p-5" aria-label={agent.name}>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <div>
          <h2 className="font-semibold">{agent.name}</h2>
          <p className="text-sm text-muted">
            {agent.state} · {agent.environment}
          </p>
        </div>
        <div className="flex flex-wrap gap-2">
          {agent.state !== 'revoked' && (
            <Button busy={change.isPending} onClick={() => change.mutate(agent.state === 'paused' ? 'active' : 'paused')}>
              {agent.state === 'paused' ? 'Resume' : 'Pause'} {agent.name}
            </Button>
          )}
          <Button
            reason={agent.state === 'revoked' ? 'A revoked agent gets no keys.' : undefined}
            busy={create.isPending}
            onClick={() => create.mutate()}
          >
            New key for {agent.name}
          </Button>
        </div>
      </div>
      {error && <Banner tone="error">{speak(error).text}</Banner>}
      {keys.data && rows.length === 0 && <p className="text-muted">No key yet.</p>}
      {rows.length > 0 && (
        <ul className="divide-y divide-line">
          {rows.map((key) => (
            <KeyRow key={key.id} value={key} run={run} onSecret={onSecret} onChange={refresh} />
          ))}
        </ul>
      )}
      {dialog}
    </section>
  )
}

type Run = <T>(act: () => Promise<T>) => Promise<T>

function KeyRow({
  value: key,
  run,
  onSecret,
  onChange,
}: {
  value: Key
  run: Run
  onSecret: (secret: string) => void
  onChange: () => void
}) {
  const now = useNow(30_000)
  const rotate = useMutation({
    mutationFn: () => run(() => api.keys.rotate(key.id)),
    onSuccess: (made) => made.secret && onSecret(made.secret),
    onSettled: onChange,
  })
  const revoke = useMutation({ mutationFn: () => api.keys.revoke(key.id), onSettled: onChange })
  const error = rotate.error ?? revoke.error
  const name = `${key.prefix}…${key.last_four}`
  const state = key.revoked_at
    ? 'revoked'
    : Date.parse(key.expires_at) <= now
      ? 'expired'
      : `expires ${relative(key.expires_at, now)}`
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 py-3">
      <div className="min-w-0">
        <p className="font-mono text-sm wrap-anywhere">{name}</p>
        <p className="text-sm text-muted" title={`Made ${exact(key.created_at)}`}>
          {state} · {key.last_used_at ? `used ${relative(key.last_used_at, now)}` : 'never used'} · {key.scopes.join(', ')}
        </p>
        {error && <Banner tone="error">{speak(error).text}</Banner>}
      </div>
      {!key.revoked_at && (
        <div className="flex gap-2">
          <Button busy={rotate.isPending} onClick={() => rotate.mutate()} aria-label={`Rotate ${name}`}>
            Rotate
          </Button>
          <Button tone="danger" busy={revoke.isPending} onClick={() => revoke.mutate()} aria-label={`Revoke ${name}`}>
            Revoke
          </Button>
        </div>
      )}
    </li>
  )
}
