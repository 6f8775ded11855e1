// One request, typed by a person, judged aloud (P64): the outcome, and each policy that decided, with its text. Changes and records nothing.
import type { PolicyOutcome } from '@countersign/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { readTyped } from '../jobs/json.ts'
import { closedTo, useUser } from '../me.ts'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { INPUT, TextField } from '../ui/text-field.tsx'
import { duration, OutcomeBadge, PoliciesFrame, PolicyItem } from './frame.tsx'

const TYPES = [t('Agent'), t('User'), t('Key')]
/** What an act of each kind says of itself, to begin with. */
const SAMPLES: Record<string, { resource: string; context: object }> = {
  'job.enqueue': {
    resource: 'Kind::report.build',
    context: { queue: 'default', priority: 3, tags: [], delayed: false, payload_bytes: 40, body_sha256: '' },
  },
  'task.create': {
    resource: '',
    context: {
      risk: 'normal',
      priority: 'normal',
      tags: [],
      assigned: 'nobody',
      redact: 'none',
      callback: false,
      size_bytes: 200,
    },
  },
  'task.decide': {
    resource: 'Task::task_1',
    context: {
      type: 'accept',
      origin: 'api',
      risk: 'normal',
      priority: 'normal',
      tags: [],
      channel: 'dashboard',
      assurance: { name: 'session', level: 3 },
      guest: false,
      relayed: false,
      stepped_in: false,
    },
  },
  'task.notify': {
    resource: '',
    context: { channel: 'email', domain: 'example.com', own_domain: false, development: false },
  },
}

export function SimulatorPage() {
  useTitle(t('Policy simulator'))
  const me = useUser()
  const [search, setSearch] = useSearchParams()
  const schema = useQuery({
    queryKey: ['policies', 'schema'],
    queryFn: () => api.call('GET /policies/schema'),
    staleTime: Number.POSITIVE_INFINITY,
  })
  const versions = useQuery({
    queryKey: ['policies', 'list'],
    queryFn: () => api.call('GET /policies', { query: { limit: 200 } }),
  })
  // The question stands in the address: who gets the link asks the same.
  const asked = {
    type: search.get('type') ?? 'Agent',
    id: search.get('id') ?? '',
    action: search.get('action') ?? 'job.enqueue',
    version: search.get('version') ?? '',
  }
  const sample = SAMPLES[asked.action]
  const resource = search.get('resource') ?? sample?.resource ?? ''
  const context = search.get('context') ?? (sample ? JSON.stringify(sample.context, null, 2) : '{}')
  const put = (change: Record<string, string>) => {
    const given = Object.fromEntries(search)
    // Another action says other things of itself.
    if ('action' in change) for (const name of ['resource', 'context']) delete given[name]
    setSearch({ ...given, ...change }, { replace: true })
  }
  const [fault, setFault] = useState<string>()
  const ask = useMutation({
    mutationFn: (typed: unknown) => {
      const [type, id] = resource.split('::')
      return api.call('POST /policies/decide', {
        body: {
          principal: { type: asked.type, id: asked.id },
          action: asked.action,
          ...(type && id ? { resource: { type, id } } : {}),
          context: (typed ?? {}) as Record<string, never>,
          ...(asked.version ? { version: Number(asked.version) } : {}),
        },
      })
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const typed = readTyped(context)
    setFault(typed.fault)
    if (typed.fault === undefined) ask.mutate(typed.value)
  }
  const closed = closedTo(me, 'policy.dry_run', t('try policies'))
  return (
    <PoliciesFrame title={t('Simulator')}>
      <p className="text-muted">{t('What would be decided, and by which policies. Nothing is done, and nobody is asked.')}</p>
      <Refusal error={schema.error} />
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <form onSubmit={submit} className="card flex flex-col gap-4 p-5" aria-label={t('Request')}>
          <div className="grid grid-cols-[8rem_1fr] gap-3">
            <SelectField
              label={t('Principal')}
              value={asked.type}
              options={TYPES.map((value) => ({ value, label: value }))}
              onChange={(event) => put({ type: event.target.value })}
            />
            <TextField
              label={t('Id')}
              required
              placeholder={t('agt_…')}
              value={asked.id}
              onChange={(event) => put({ id: event.target.value })}
            />
          </div>
          <SelectField
            label={t('Action')}
            value={asked.action}
            options={(schema.data?.actions ?? [asked.action]).map((value) => ({ value, label: value }))}
            onChange={(event) => put({ action: event.target.value })}
          />
          <TextField
            label={t('Resource')}
            hint={t('Type::id, such as Kind::report.build; the tenant, if empty.')}
            value={resource}
            onChange={(event) => put({ resource: event.target.value })}
          />
          <div className="flex flex-col gap-1">
            <label htmlFor="simulator-context" className="font-medium">
              {t('Context')}
            </label>
            <textarea
              id="simulator-context"
              rows={Math.min(16, context.split('\n').length + 1)}
              spellCheck={false}
              value={context}
              aria-invalid={fault ? true : undefined}
              aria-describedby="simulator-context-hint"
              onChange={(event) => put({ context: event.target.value })}
              className={`${INPUT} font-mono text-sm`}
            />
            <p id="simulator-context-hint" className={fault ? 'text-sm font-medium text-danger' : 'text-sm text-muted'}>
              {fault ?? t('What the act says of itself, as JSON. The time is added.')}
            </p>
          </div>
          <SelectField
            label={t('Judged by')}
            value={asked.version}
            options={[
              { value: '', label: t('the active version') },
              ...(versions.data?.data ?? []).map(({ version }) => ({
                value: String(version),
                label: t('version {version}', { version }),
              })),
            ]}
            onChange={(event) => put({ version: event.target.value })}
          />
          <div>
            <Button type="submit" tone="primary" reason={closed} busy={ask.isPending}>
              {t('Judge')}
            </Button>
          </div>
        </form>
        <div className="flex flex-col gap-4">
          <Refusal error={ask.error} />
          {ask.data ? (
            <Answer outcome={ask.data} />
          ) : (
            <p className="card p-6 text-muted">{t('The outcome appears here, with the policies that decided.')}</p>
          )}
        </div>
      </div>
    </PoliciesFrame>
  )
}

function Answer({ outcome }: { outcome: PolicyOutcome }) {
  const { ask } = outcome
  return (
    <Card title={t('Outcome')} badge={<OutcomeBadge outcome={outcome.outcome} />}>
      <p role="status" data-content="">
        {visible(outcome.says)}
      </p>
      {ask && (
        <p className="text-sm text-muted">
          {ask.on_timeout === 'deny'
            ? t('{texts} {quorum, plural, one {One person} other {{quorum} people}} within {span}; then it is denied.', {
                texts: ask.texts.map((text) => `“${visible(text)}”`).join(' '),
                quorum: ask.quorum,
                span: duration(ask.expires_seconds),
              })
            : t(
                '{texts} {quorum, plural, one {One person} other {{quorum} people}} within {span}; then it is asked once more, and then denied.',
                {
                  texts: ask.texts.map((text) => `“${visible(text)}”`).join(' '),
                  quorum: ask.quorum,
                  span: duration(ask.expires_seconds),
                },
              )}
        </p>
      )}
      {outcome.faults.length > 0 && (
        <ul className="list-disc pl-5 text-sm text-danger" aria-label={t('What could not be evaluated')}>
          {outcome.faults.map((fault) => (
            <li key={fault}>{visible(fault)}</li>
          ))}
        </ul>
      )}
      {outcome.policies.length > 0 && (
        <ul className="-mx-5 -mb-5 divide-y divide-line border-t border-line" aria-label={t('Policies that decided')}>
          {outcome.policies.map((policy) => (
            <PolicyItem key={policy.id} policy={policy} open />
          ))}
        </ul>
      )}
    </Card>
  )
}
