// One request of the proxy: what was decided and why, how it ended, and how it would be judged at this moment, step by step. Values of queries and bodies are in no
// record, so that a judgement that needs them says what it lacks.
import type { RouteAnswer } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { OutcomeBadge, type Proxied, reasonWord, target } from './frame.tsx'
import { useNames } from './traffic-page.tsx'

type Explained = RouteAnswer<'POST /grants/explain'>

export function TrafficRequestPage({ id }: { id: string }) {
  const me = useUser()
  const names = useNames(true)
  const query = useQuery({
    queryKey: ['traffic', 'one', id],
    queryFn: () => api.call('GET /proxy/requests/:id', { params: { id } }),
  })
  const row = query.data
  const title = row ? visible(`${row.method} ${row.host}${row.path}`) : t('Request')
  useTitle(title)
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.traffic()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Traffic')}
      </Link>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {row && (
        <>
          <PageTitle title={title}>
            <OutcomeBadge outcome={row.outcome} />
          </PageTitle>
          <Told row={row} names={names} />
          <Now row={row} />
          {closedTo(me, 'grant.create', '') === undefined && row.outcome !== 'allow' && (
            <p>
              <Link
                href={paths.newGrant({
                  agent: row.agent_id,
                  connection: row.connection_id,
                  host: row.host,
                  method: row.method,
                  path: row.path,
                })}
                className="inline-flex min-h-10 items-center rounded-lg border border-line-strong bg-raised px-4 py-1.5 font-medium hover:bg-sunken"
              >
                {t('Make a grant from this')}
              </Link>
            </p>
          )}
        </>
      )}
    </div>
  )
}

function Told({ row, names }: { row: Proxied; names: ReturnType<typeof useNames> }) {
  const { ended } = row
  const rows: Row[] = [
    [t('When'), exact(row.at)],
    [t('Agent'), visible(names.agents.get(row.agent_id) ?? row.agent_id)],
    [
      t('Run'),
      <code key="run" className="font-mono text-sm">
        {row.run_id}
      </code>,
    ],
    [
      t('Connection'),
      row.connection_id ? (
        <Link key="connection" href={paths.connection(row.connection_id)} className="underline underline-offset-4">
          {visible(names.connections.get(row.connection_id) ?? row.connection_id)}
        </Link>
      ) : (
        t('none: no credential was added')
      ),
    ],
    [
      t('Address'),
      <span key="url" className="wrap-anywhere">
        {visible(target(row))}
      </span>,
    ],
    ...(row.reason ? [[t('Reason'), reasonWord(row.reason)] as Row] : []),
    ...(row.tools.length > 0 ? [[t('Tools'), visible(row.tools.join(', '))] as Row] : []),
    ...(row.facts.length > 0 ? [[t('Facts that were read'), row.facts.join(', ')] as Row] : []),
    [
      t('Policies'),
      row.policy_ids.length > 0
        ? t('{ids}, version {version}', { ids: row.policy_ids.join(', '), version: row.policy_version ?? 0 })
        : t('none decided'),
    ],
    ...(row.task_id
      ? [
          [
            t('Question'),
            <Link key="task" href={paths.task(row.task_id)} className="underline underline-offset-4">
              {t('what people were asked')}
            </Link>,
          ] as Row,
        ]
      : []),
    [
      t('Answer'),
      ended
        ? t('{status} after {ms} ms; {up} bytes up, {down} bytes down', {
            status: ended.status ?? ended.fault ?? '–',
            ms: ended.total_ms,
            up: ended.bytes_up,
            down: ended.bytes_down,
          })
        : t('none yet, or nothing was sent'),
    ],
    ...(ended && ended.redactions > 0
      ? [
          [
            t('Masked'),
            t('{count, plural, one {# value} other {# values}} of the credential in what came back', { count: ended.redactions }),
          ] as Row,
        ]
      : []),
  ]
  return (
    <Card title={t('What was decided')}>
      <Described rows={rows} />
    </Card>
  )
}

function Now({ row }: { row: Proxied }) {
  const query = useQuery({
    queryKey: ['traffic', 'explain', row.event_id],
    queryFn: () => api.call('POST /grants/explain', { body: { agent_id: row.agent_id, method: row.method, url: target(row) } }),
    retry: false,
  })
  return (
    <Card title={t('How it would be judged now')}>
      <p className="text-sm text-muted">{t('Without its query and its body, which no record holds. Nothing is sent.')}</p>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && <Steps explained={query.data} />}
    </Card>
  )
}

const RESULTS: Record<Explained['steps'][number]['result'], { word: string; tone: Tone }> = {
  passed: { word: t('passed'), tone: 'good' },
  refused: { word: t('refused'), tone: 'bad' },
  asks: { word: t('asks people'), tone: 'warn' },
  not_reached: { word: t('not reached'), tone: 'quiet' },
  not_tried: { word: t('at the time of sending'), tone: 'quiet' },
}
const STEPS: Record<string, string> = {
  token: t('Run token'),
  rate: t('Rate'),
  syntax: t('Path'),
  connection: t('Connection'),
  grant: t('Grant'),
  facts: t('Facts'),
  rule: t('Rule of the grant'),
  policy: t('Policies'),
  hold: t('Approval'),
  budget: t('Uses'),
  record: t('Record'),
  material: t('Credential'),
  injection: t('Injection'),
  address: t('Address'),
}

/** Every step of a judgement, with its result. */
export function Steps({ explained }: { explained: Explained }) {
  return (
    <div className="flex flex-col gap-3">
      <p>
        <OutcomeBadge outcome={explained.outcome} /> {explained.reason ? reasonWord(explained.reason) : null}
        {explained.choices.length > 0 && ` ${t('The agent may name: {choices}.', { choices: explained.choices.join(', ') })}`}
      </p>
      <ol className="divide-y divide-line">
        {explained.steps.map(({ step, result, detail }) => (
          <li key={step} className="flex flex-wrap items-baseline gap-x-4 gap-y-1 py-1.5">
            <span className="w-40 font-medium">{STEPS[step] ?? step}</span>
            <Badge tone={RESULTS[result].tone}>{RESULTS[result].word}</Badge>
            {Object.keys(detail).length > 0 && (
              <code className="min-w-0 font-mono text-xs text-muted wrap-anywhere">{visible(JSON.stringify(detail))}</code>
            )}
          </li>
        ))}
      </ol>
    </div>
  )
}
