// Letting an agent use a connection: who, which, for what. What led here stands in the address and fills the fields.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link, useLocation, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { useNames } from '../traffic/traffic-page.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { newTerms, PLACES, TermsFields, termsOf } from './terms.tsx'

export function NewGrantPage() {
  useTitle(t('New grant'))
  const me = useUser()
  const [, go] = useLocation()
  const [search] = useSearchParams()
  const queries = useQueryClient()
  const names = useNames(true)
  const [agent, setAgent] = useState(search.get('agent') ?? '')
  const [connection, setConnection] = useState(search.get('connection') ?? '')
  const [reason, setReason] = useState('')
  const [terms, setTerms] = useState(() => newTerms([ruleFrom(search)]))
  const facts = useFacts(connection)
  const create = useMutation({
    mutationFn: () =>
      api.call('POST /grants', {
        body: {
          agent_id: agent,
          connection_id: connection,
          ...(reason.trim() ? { reason: reason.trim() } : {}),
          ...termsOf(terms),
        },
      }),
    onSuccess: (grant) => {
      void queries.invalidateQueries({ queryKey: ['grants'] })
      void queries.invalidateQueries({ queryKey: ['connections'] })
      go(paths.grant(grant.id))
    },
  })
  const { beside, rest } = placeErrors(create.error, ['/agent_id', '/connection_id', ...PLACES(terms)])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate()
  }
  const choose = { value: '', label: t('choose one') }
  const missing = agent === '' ? t('Choose an agent.') : connection === '' ? t('Choose a connection.') : undefined
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.grants()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Grants')}
      </Link>
      <PageTitle title={t('Let an agent use a connection')} />
      <form onSubmit={onSubmit} noValidate className="flex flex-col gap-5">
        <Card title={t('Who and which')}>
          <div className="grid gap-3 sm:grid-cols-2">
            <SelectField
              label={t('Agent')}
              value={agent}
              options={[choose, ...[...names.agents].map(([value, label]) => ({ value, label: visible(label) }))]}
              onChange={(event) => setAgent(event.target.value)}
            />
            <SelectField
              label={t('Connection')}
              value={connection}
              options={[choose, ...[...names.connections].map(([value, label]) => ({ value, label: visible(label) }))]}
              onChange={(event) => setConnection(event.target.value)}
            />
          </div>
          <TextField label={t('Why')} value={reason} onChange={(event) => setReason(event.target.value)} />
        </Card>
        <Card title={t('What it may do')}>
          <TermsFields terms={terms} onChange={setTerms} facts={facts} errors={beside} />
        </Card>
        <Refusal error={create.error} placed={{ beside, rest }} />
        <div>
          <Button
            type="submit"
            tone="primary"
            busy={create.isPending}
            reason={closedTo(me, 'grant.create', t('let agents use connections')) ?? missing}
          >
            {t('Let it')}
          </Button>
        </div>
      </form>
    </div>
  )
}

/** What a request that was refused would need: its method, and its path with what looks like an id folded. */
function ruleFrom(search: URLSearchParams) {
  const [method, host, path] = [search.get('method'), search.get('host'), search.get('path')]
  const folded = path
    ?.split('/')
    .map((part) => (/^(?:\d+|[0-9a-f-]{16,}|[A-Za-z]{2,8}_[A-Za-z0-9]{8,})$/.test(part) ? '*' : part))
    .join('/')
  return {
    effect: 'allow' as const,
    methods: [method ?? 'GET'],
    ...(host ? { hosts: [host] } : {}),
    ...(folded && folded !== '/' ? { paths: [folded] } : {}),
  }
}

/** Names of what the definition of a connection's provider reads from requests. */
export function useFacts(connectionId: string): string[] {
  const one = useQuery({
    queryKey: ['connections', 'one', connectionId],
    queryFn: () => api.call('GET /connections/:id', { params: { id: connectionId } }),
    enabled: connectionId !== '',
  })
  const provider = one.data?.provider ?? ''
  const detail = useQuery({
    queryKey: ['providers', 'one', provider],
    queryFn: () => api.call('GET /providers/:name', { params: { name: provider } }),
    enabled: provider !== '',
  })
  const facts = detail.data?.definition?.facts
  return facts && typeof facts === 'object' ? Object.keys(facts) : []
}
