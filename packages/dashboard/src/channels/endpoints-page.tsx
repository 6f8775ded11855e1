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
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
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
  { value: 'raw', label: t('Data, for a program') },
  { value: 'teams', label: t('A card of Microsoft Teams') },
  { value: 'discord', label: t('A message of Discord') },
  { value: 'google_chat', label: t('A card of Google Chat') },
] as const

export function ChannelEndpointsPage() {
  useTitle(t('Notices at endpoints'))
  const closed = closedTo(useUser(), 'task.configure', t('set up channels'))
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
    <Sections name={t('Channels')} places={CHANNELS} title={t('Notices at endpoints')}>
      {closed ? (
        <Banner tone="info">{closed}</Banner>
      ) : (
        <p className="max-w-prose text-muted">
          {rich(
            'A task tells an endpoint when its {code} names it: {code2}. The notice is signed like any event and holds a link for each answer.',
            { code: <code className="font-mono">notify</code>, code2: <code className="font-mono">webhook:ops</code> },
          )}
        </p>
      )}
      <Refusal error={endpoints.error ?? forms.error} />
      {endpoints.data && rows.length === 0 && (
        <Empty>
          {rich(
            'No endpoint yet. <link>Make one</link>: a workflow of Teams, a webhook of Discord or Google Chat, or a program of yours.',
            { link: (words) => <Link href={paths.webhooks()}>{words}</Link> },
          )}
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
            label={t('Notices come to {name} as', { name })}
            value={choose.isPending ? choose.variables : form}
            options={FORMS}
            disabled={choose.isPending}
            onChange={(event) => choose.mutate(event.target.value as Form)}
          />
        </div>
        <Button busy={test.isPending} onClick={() => test.mutate()} aria-label={t('Send a test to {name}', { name })}>
          {t('Send a test')}
        </Button>
      </div>
      <div role="status">
        {test.data && (
          <Banner tone={test.data.sent ? 'success' : 'error'}>
            {test.data.sent
              ? t('Taken: it answered {status}.', { status: test.data.status })
              : visible(test.data.reason ?? t('It was not sent.'))}
          </Banner>
        )}
      </div>
      {dialog}
    </Card>
  )
}
