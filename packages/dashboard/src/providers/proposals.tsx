// Versions that wait for approval: what they change, what that brings about, and who may agree. Whoever proposed one does not approve it while somebody else could.
import type { ProviderVersion } from '@countersign/sdk'
import { api } from '../api.ts'
import { useVaultAct } from '../connections/frame.tsx'
import { When } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Copyable } from '../ui/copy.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'

type Props = { proposals: readonly ProviderVersion[]; present: ProviderVersion['definition'] | null }

export function Proposals({ proposals, present }: Props) {
  return proposals
    .filter(({ state }) => state === 'proposed')
    .map((one) => <Proposal key={one.digest} proposal={one} present={present} />)
}

const CHANGES = {
  added: { word: t('added'), tone: 'good' },
  removed: { word: t('removed'), tone: 'bad' },
  changed: { word: t('changed'), tone: 'warn' },
} as const

function Proposal({ proposal, present }: { proposal: ProviderVersion; present: Props['present'] }) {
  const me = useUser()
  const now = useNow()
  const { run, dialog } = useStepUp()
  const params = { name: proposal.provider, digest: proposal.digest }
  const approve = useVaultAct(() => run(() => api.call('POST /providers/:name/versions/:digest/approve', { params })))
  const reject = useVaultAct(() => run(() => api.call('POST /providers/:name/versions/:digest/reject', { params })))
  const closed = closedTo(me, 'provider.manage', t('approve definitions'))
  const { connections, grants } = proposal.affected
  return (
    <Card
      title={t('Version {version} waits for approval', { version: proposal.version })}
      badge={<When at={proposal.proposed_at} now={now} />}
    >
      {proposal.reason && <p>{visible(proposal.reason)}</p>}
      {proposal.suspends_grants && (
        <Banner tone="warning">
          {t(
            'A credential could go elsewhere by it. On approval {grants, plural, one {# grant} other {# grants}} on {connections, plural, one {# connection} other {# connections}} wait until somebody confirms them.',
            { grants, connections },
          )}
        </Banner>
      )}
      {proposal.warnings.map((warning) => (
        <Banner key={warning.path + warning.code} tone={warning.code === 'auth_hosts' ? 'error' : 'warning'}>
          {visible(`${warning.path}: ${warning.message}`)}
        </Banner>
      ))}
      <ul className="flex flex-col gap-1">
        {proposal.difference.map(({ path, change }) => (
          <li key={path} className="flex flex-wrap items-baseline gap-2">
            <Badge tone={CHANGES[change].tone}>{CHANGES[change].word}</Badge>
            <code className="font-mono text-sm wrap-anywhere">{visible(path)}</code>
            <span className="min-w-0 font-mono text-xs text-muted wrap-anywhere">
              {change !== 'added' && <del>{visible(textAt(present, path))}</del>}
              {change === 'changed' && ' → '}
              {change !== 'removed' && <ins className="no-underline">{visible(textAt(proposal.definition, path))}</ins>}
            </span>
          </li>
        ))}
      </ul>
      <details>
        <summary className="cursor-pointer">{t('All of it, as it was written')}</summary>
        <Copyable label={t('definition')} text={proposal.source} block />
      </details>
      <p className="font-mono text-xs text-muted wrap-anywhere">{proposal.digest}</p>
      <div className="flex flex-wrap gap-3">
        <Button tone="primary" small reason={closed} busy={approve.isPending} onClick={() => approve.mutate(undefined)}>
          {t('Approve exactly this')}
        </Button>
        <Button tone="danger" small reason={closed} busy={reject.isPending} onClick={() => reject.mutate(undefined)}>
          {t('Refuse')}
        </Button>
      </div>
      <Refusal error={approve.error ?? reject.error} />
      {dialog}
    </Card>
  )
}

/** What stands at a JSON pointer, in JSON. */
function textAt(definition: Props['present'], pointer: string): string {
  let at: unknown = definition
  for (const part of pointer.slice(1).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined
  }
  return at === undefined ? '' : JSON.stringify(at)
}
