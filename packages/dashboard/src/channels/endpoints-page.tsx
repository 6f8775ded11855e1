// Endpoints as a channel: in which form notices come to each, and a test of one, sent now. Addresses and secrets are set up on the page of webhooks.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { Empty } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { CHANNELS } from '../slack/channels.ts'
import { useStepUp } from '../step-up.tsx'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { Sections } from '../ui/sections.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { EndpointBadge } from '../webhooks/frame.tsx'

type Endpoint = RouteAnswer<'GET /endpoints'>['data'][number]
type Form = RouteBody<'PUT /channels/webhook/templates/:endpoint'>['template']

const FORMS = [
  { value: 'raw', label: 'Data, for a program' },
  { value: 'teams', label: 'A card of Microsoft Teams' },
  { value: 'discord', label: 'A message of Discord' },
  { value: 'google_chat', label: 'A card of Google Chat' },
] as const

export function ChannelEndpointsPage() {
  useTitle('Notices at endpoints')
  const closed = closedTo(useUser(), 'task.configure', 'set up channels')
  const enabled = closed === undefined
  const endpoints = useQuery({ queryKey: ['webhooks', 'of-channel'], queryFn: () => api.call('GET /endpoints'), enabled })
  const forms = useQuery({
    queryKey: ['channels', 'templates'],
    queryFn: () => api.call('GET /channels/webhook/templates'),
    enabled,
  })
  const rows = endpoints.data?.data ?? []
  const formOf = (id: string): Form => forms.data?.data.find((one) => one.endpoint_id === id)?.template ?? 'raw'
  return (
    <Sections name="Channels" places={CHANNELS} title="Notices at endpoints">
      {closed ? (
        <Banner tone="info">{closed}</Banner>
      ) : (
        <p className="max-w-prose text-muted">
          A task tells an endpoint when its <code className="font-mono">notify</code> names it:{' '}
          <code className="font-mono">webhook:ops</code>. The notice is signed like any event and holds a link for each answer.
        </p>
      )}
      <Refusal error={endpoints.error ?? forms.error} />
      {endpoints.data && rows.length === 0 && (
        <Empty>
          No endpoint yet. <Link href={paths.webhooks()}>Make one</Link>: a workflow of Teams, a webhook of Discord or Google
          Chat, or a program of yours.
        </Empty>
      )}
      {forms.data && rows.map((one) => <One key={one.id} endpoint={one} form={formOf(one.id)} />)}
    </Sections>
  )
}

function One({ endpoint, form }: { endpoint: Endpoint; form: Form }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const name = visible(endpoint.label || endpoint.url)
  const choose = useMutation({
    mutationFn: (template: Form) =>
      run(() => api.call('PUT /channels/webhook/templates/:endpoint', { params: { endpoint: endpoint.id }, body: { template } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['channels', 'templates'] }),
  })
  const test = useMutation({
    mutationFn: () => run(() => api.call('POST /channels/webhook/test', { body: { endpoint: endpoint.id } })),
  })
  return (
    <Card title={name} aside={<EndpointBadge endpoint={endpoint} />}>
      <p className="text-sm text-muted wrap-anywhere">
        <Link href={paths.webhook(endpoint.id)} className="underline decoration-line-strong underline-offset-4">
          {visible(endpoint.url)}
        </Link>
      </p>
      <Refusal error={choose.error ?? test.error} />
      <div className="flex flex-wrap items-end gap-3">
        <div className="min-w-60">
          <SelectField
            label={`Notices come to ${name} as`}
            value={choose.isPending ? choose.variables : form}
            options={FORMS}
            disabled={choose.isPending}
            onChange={(event) => choose.mutate(event.target.value as Form)}
          />
        </div>
        <Button busy={test.isPending} onClick={() => test.mutate()} aria-label={`Send a test to ${name}`}>
          Send a test
        </Button>
      </div>
      <div role="status">
        {test.data && (
          <Banner tone={test.data.sent ? 'success' : 'error'}>
            {test.data.sent ? `Taken: it answered ${test.data.status}.` : visible(test.data.reason ?? 'It was not sent.')}
          </Banner>
        )}
      </div>
      {dialog}
    </Card>
  )
}
