// One version: what it changes against the active one, what it would have decided lately, and the act that makes it the active one.
import type { PolicyDifference, PolicyDryRun, PolicyVersion } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { Table } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { useStepUp } from '../step-up.tsx'
import { exact } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { useActive } from './active.ts'
import { OutcomeBadge, PoliciesFrame, PolicyItem } from './frame.tsx'

export function VersionPage({ version }: { version: string }) {
  useTitle(`Version ${version} of the policies`)
  const params = { version }
  const read = useQuery({
    queryKey: ['policies', version],
    queryFn: () => api.call('GET /policies/:version', { params }),
  })
  return (
    <PoliciesFrame title={`Version ${version}`} aside={read.data && <Activation version={read.data} />}>
      <Refusal error={read.error} />
      {read.isPending && <p className="text-muted">Loading…</p>}
      {read.data && <Body version={read.data} />}
    </PoliciesFrame>
  )
}

function Activation({ version: row }: { version: PolicyVersion }) {
  const me = useUser()
  const queries = useQueryClient()
  const stepUp = useStepUp()
  const active = useActive()
  const params = { version: String(row.version) }
  const body = active.data ? { replaces: active.data.version } : {}
  const activate = useMutation({
    mutationFn: () => stepUp.run(() => api.call('POST /policies/:version/activate', { params, body })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['policies'] }),
  })
  const reason =
    closedTo(me, 'policy.activate', 'activate policies') ??
    (row.active ? 'It is the active version.' : row.errors.length > 0 ? 'It does not pass in this build.' : undefined)
  const older = active.data !== undefined && row.version < active.data.version
  return (
    <div className="flex flex-wrap items-center gap-2">
      {row.active && <Badge tone="good">active</Badge>}
      <Link
        href={paths.policyEditor(row.version)}
        className="px-3 py-1 text-sm underline decoration-line-strong underline-offset-4"
      >
        Edit from here
      </Link>
      <Confirm
        name={older ? 'Go back to it' : 'Activate'}
        title={`Activate version ${row.version}`}
        confirm={`Activate version ${row.version}`}
        reason={reason}
        busy={activate.isPending}
        onConfirm={() => activate.mutate()}
      >
        From the next decision on, in every process, acts of this tenant are judged by version {row.version} in place of version{' '}
        {active.data?.version}. You can go back at any time.
      </Confirm>
      <Refusal error={activate.error} />
      {stepUp.dialog}
    </div>
  )
}

function Body({ version: row }: { version: PolicyVersion }) {
  return (
    <>
      <p className="text-muted">
        {row.note && <>“{visible(row.note)}” · </>}
        {row.origin === 'starting' ? 'Shipped with this build' : 'Saved'} {exact(row.saved_at)}.
      </p>
      {row.errors.length > 0 && (
        <Banner tone="error">
          It does not pass in this build: line {row.errors[0]?.line}, column {row.errors[0]?.column}:{' '}
          {visible(row.errors[0]?.message ?? '')}
        </Banner>
      )}
      {row.warnings.map((warning) => (
        <Banner key={`${warning.line}:${warning.column}`} tone="warning">
          Line {warning.line}: {visible(warning.message)}
        </Banner>
      ))}
      {!row.active && <Difference version={row.version} />}
      <DryRun version={row.version} />
      <Card title="In words">
        <ul className="-mx-5 -mb-5 divide-y divide-line border-t border-line">
          {row.policies.map((policy) => (
            <PolicyItem key={policy.id} policy={policy} />
          ))}
        </ul>
      </Card>
    </>
  )
}

function Difference({ version }: { version: number }) {
  const diff = useQuery({
    queryKey: ['policies', String(version), 'diff'],
    queryFn: () => api.call('GET /policies/:version/diff', { params: { version: String(version) } }),
  })
  if (!diff.data) return <Refusal error={diff.error} />
  const { against, added, removed, changed, same }: PolicyDifference = diff.data
  const none = added.length + removed.length + changed.length === 0
  return (
    <Card title={`Against version ${against}, which is active`}>
      {none && <p className="text-muted">Nothing differs in {same} policies.</p>}
      {!none && (
        <p className="text-sm text-muted">
          {added.length} added, {removed.length} removed, {changed.length} changed, {same} the same.
        </p>
      )}
      <ul className="flex flex-col gap-3" aria-label="Differences">
        {added.map(({ id, text }) => (
          <Changed key={id} id={id} what="added" parts={[{ sign: '+', text }]} />
        ))}
        {removed.map(({ id, text }) => (
          <Changed key={id} id={id} what="removed" parts={[{ sign: '−', text }]} />
        ))}
        {changed.map(({ id, before, after }) => (
          <Changed
            key={id}
            id={id}
            what="changed"
            parts={[
              { sign: '−', text: before },
              { sign: '+', text: after },
            ]}
          />
        ))}
      </ul>
    </Card>
  )
}

type Part = { sign: '+' | '−'; text: string }

/** Signs say what colours only repeat. */
const Changed = ({ id, what, parts }: { id: string; what: string; parts: Part[] }) => (
  <li>
    <h3 className="mb-1 text-sm font-medium">
      <code className="font-mono">{visible(id)}</code> {what}
    </h3>
    {parts.map(({ sign, text }) => (
      <pre
        key={sign}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reachable by keyboard
        tabIndex={0}
        className={`overflow-x-auto px-3 py-2 font-mono text-xs first-of-type:rounded-t-lg last-of-type:rounded-b-lg ${sign === '+' ? 'bg-accent-soft' : 'bg-danger-soft'}`}
      >
        {text
          .split('\n')
          .map((line) => `${sign} ${visible(line)}`)
          .join('\n')}
      </pre>
    ))}
  </li>
)

function DryRun({ version }: { version: number }) {
  const me = useUser()
  const run = useMutation({
    mutationFn: () => api.call('POST /policies/:version/dry-run', { params: { version: String(version) }, body: {} }),
  })
  return (
    <Card
      title="Dry run"
      aside={
        <Button small reason={closedTo(me, 'policy.dry_run', 'try policies')} busy={run.isPending} onClick={() => run.mutate()}>
          Judge the latest decisions again
        </Button>
      }
    >
      {!run.data && !run.error && (
        <p className="text-muted">
          {run.isPending
            ? 'Judging…'
            : 'What was decided lately, up to 10,000 decisions, judged by this version. It changes nothing and asks nobody.'}
        </p>
      )}
      <Refusal error={run.error} />
      {run.data && <DryRunResult run={run.data} />}
    </Card>
  )
}

function DryRunResult({ run: { judged, without_content, unreadable, changed } }: { run: PolicyDryRun }) {
  return (
    <>
      <p role="status">
        {changed.length === 0 ? 'No outcome' : changed.length} of {judged} {judged === 1 ? 'decision' : 'decisions'} would{' '}
        {changed.length === 0 ? 'change' : 'come out differently'}.
        {without_content > 0 && ` Of these, ${without_content} without the text of whoever asked, which was not kept.`}
        {unreadable > 0 && ` ${unreadable} could not be read.`}
      </p>
      {changed.length > 0 && (
        <Table
          label="Outcomes that would change"
          rows={changed.slice(0, 500)}
          id={({ decided_at, resource, action, principal }) => `${decided_at} ${principal.id} ${action} ${resource.id}`}
          columns={[
            { name: 'Act', cell: ({ action, resource }) => `${action} on ${visible(resource.id)}` },
            { name: 'Who', cell: ({ principal }) => <code className="font-mono text-xs">{visible(principal.id)}</code> },
            { name: 'Was', cell: ({ before }) => <OutcomeBadge outcome={before.outcome} /> },
            { name: 'Would be', cell: ({ after }) => <OutcomeBadge outcome={after.outcome} /> },
            { name: 'By', cell: ({ after }) => visible(after.policy_ids.join(', ') || 'no permit') },
            { name: 'Decided', cell: ({ decided_at }) => exact(decided_at) },
          ]}
        />
      )}
      {changed.length > 500 && <p className="text-sm text-muted">The first 500 are shown; the CLI and the API list them all.</p>}
    </>
  )
}
