// One version: what it changes against the active one, what it would have decided lately, and the act that makes it the active one.
import type { PolicyDifference, PolicyDryRun, PolicyVersion } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { Table } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
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
  useTitle(t('Version {version} of the policies', { version }))
  const params = { version }
  const read = useQuery({
    queryKey: ['policies', version],
    queryFn: () => api.call('GET /policies/:version', { params }),
  })
  return (
    <PoliciesFrame title={t('Version {version}', { version })} aside={read.data && <Activation version={read.data} />}>
      <Refusal error={read.error} />
      {read.isPending && <p className="text-muted">{t('Loading…')}</p>}
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
    closedTo(me, 'policy.activate', t('activate policies')) ??
    (row.active ? t('It is the active version.') : row.errors.length > 0 ? t('It does not pass in this build.') : undefined)
  const older = active.data !== undefined && row.version < active.data.version
  return (
    <div className="flex flex-wrap items-center gap-2">
      {row.active && <Badge tone="good">{t('active')}</Badge>}
      <Link
        href={paths.policyEditor(row.version)}
        className="px-3 py-1 text-sm underline decoration-line-strong underline-offset-4"
      >
        {t('Edit from here')}
      </Link>
      <Confirm
        name={older ? t('Go back to it') : t('Activate')}
        title={t('Activate version {version}', { version: row.version })}
        confirm={t('Activate version {version}', { version: row.version })}
        reason={reason}
        busy={activate.isPending}
        onConfirm={() => activate.mutate()}
      >
        {t(
          'From the next decision on, in every process, acts of this tenant are judged by version {version} in place of version {before}. You can go back at any time.',
          { version: row.version, before: active.data?.version },
        )}
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
        {row.origin === 'starting' ? t('Shipped with this build') : t('Saved')} {exact(row.saved_at)}.
      </p>
      {row.errors.length > 0 && (
        <Banner tone="error">
          {t('It does not pass in this build: line {line}, column {column}: {message}', {
            line: row.errors[0]?.line,
            column: row.errors[0]?.column,
            message: visible(row.errors[0]?.message ?? ''),
          })}
        </Banner>
      )}
      {row.warnings.map((warning) => (
        <Banner key={`${warning.line}:${warning.column}`} tone="warning">
          {t('Line {line}: {message}', { line: warning.line, message: visible(warning.message) })}
        </Banner>
      ))}
      {!row.active && <Difference version={row.version} />}
      <DryRun version={row.version} />
      <Card title={t('In words')}>
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
    <Card title={t('Against version {against}, which is active', { against })}>
      {none && <p className="text-muted">{t('Nothing differs in {same} policies.', { same })}</p>}
      {!none && (
        <p className="text-sm text-muted">
          {t('{added} added, {removed} removed, {changed} changed, {same} the same.', {
            added: added.length,
            removed: removed.length,
            changed: changed.length,
            same,
          })}
        </p>
      )}
      <ul className="flex flex-col gap-3" aria-label={t('Differences')}>
        {added.map(({ id, text }) => (
          <Changed key={id} id={id} what={t('added')} parts={[{ sign: '+', text }]} />
        ))}
        {removed.map(({ id, text }) => (
          <Changed key={id} id={id} what={t('removed')} parts={[{ sign: '−', text }]} />
        ))}
        {changed.map(({ id, before, after }) => (
          <Changed
            key={id}
            id={id}
            what={t('changed')}
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
      title={t('Dry run')}
      aside={
        <Button
          small
          reason={closedTo(me, 'policy.dry_run', t('try policies'))}
          busy={run.isPending}
          onClick={() => run.mutate()}
        >
          {t('Judge the latest decisions again')}
        </Button>
      }
    >
      {!run.data && !run.error && (
        <p className="text-muted">
          {run.isPending
            ? t('Judging…')
            : t('What was decided lately, up to 10,000 decisions, judged by this version. It changes nothing and asks nobody.')}
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
        {changed.length === 0
          ? t('No outcome of {judged} {judged, plural, one {decision} other {decisions}} would change.', { judged })
          : t('{changed} of {judged} {judged, plural, one {decision} other {decisions}} would come out differently.', {
              changed: changed.length,
              judged,
            })}
        {without_content > 0 &&
          ` ${t('Of these, {withoutContent} without the text of whoever asked, which was not kept.', { withoutContent: without_content })}`}
        {unreadable > 0 && ` ${t('{unreadable} could not be read.', { unreadable })}`}
      </p>
      {changed.length > 0 && (
        <Table
          label={t('Outcomes that would change')}
          rows={changed.slice(0, 500)}
          id={({ decided_at, resource, action, principal }) => `${decided_at} ${principal.id} ${action} ${resource.id}`}
          columns={[
            { name: t('Act'), cell: ({ action, resource }) => t('{action} on {id}', { action, id: visible(resource.id) }) },
            { name: t('Who'), cell: ({ principal }) => <code className="font-mono text-xs">{visible(principal.id)}</code> },
            { name: t('Was'), cell: ({ before }) => <OutcomeBadge outcome={before.outcome} /> },
            { name: t('Would be'), cell: ({ after }) => <OutcomeBadge outcome={after.outcome} /> },
            { name: t('By'), cell: ({ after }) => visible(after.policy_ids.join(', ') || t('no permit')) },
            { name: t('Decided'), cell: ({ decided_at }) => exact(decided_at) },
          ]}
        />
      )}
      {changed.length > 500 && (
        <p className="text-sm text-muted">{t('The first 500 are shown; the CLI and the API list them all.')}</p>
      )}
    </>
  )
}
