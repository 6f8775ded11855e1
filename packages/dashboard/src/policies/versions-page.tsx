// Every version that was saved (P69), newest first: they never change, and one of them is active.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { Table } from '../jobs/frame.tsx'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { exact, relative, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { PoliciesFrame } from './frame.tsx'

export function VersionsPage() {
  useTitle(t('Versions of the policies'))
  const now = useNow()
  const versions = useQuery({
    queryKey: ['policies', 'list'],
    queryFn: () => api.call('GET /policies', { query: { limit: 200 } }),
    refetchInterval: 10_000,
  })
  return (
    <PoliciesFrame title={t('Versions')}>
      <Refusal error={versions.error} />
      {versions.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {versions.data && (
        <Table
          label={t('Versions of the policies')}
          rows={versions.data.data}
          id={({ version }) => String(version)}
          columns={[
            {
              name: t('Version'),
              cell: ({ version, active, origin }) => (
                <>
                  <Link href={paths.policyVersion(version)}>{t('Version {version}', { version })}</Link>{' '}
                  {active && <Badge tone="good">{t('active')}</Badge>}{' '}
                  {origin === 'starting' && <Badge tone="quiet">{t('shipped')}</Badge>}
                </>
              ),
            },
            { name: t('What changed'), cell: ({ note }) => visible(note ?? '–') },
            {
              name: t('Saved'),
              cell: ({ saved_at }) => (
                <time dateTime={saved_at} title={exact(saved_at)}>
                  {relative(saved_at, now)}
                </time>
              ),
            },
            { name: t('By'), cell: ({ saved_by }) => <code className="font-mono text-xs">{saved_by}</code> },
            { name: t('Last active'), cell: ({ activated_at }) => (activated_at ? exact(activated_at) : '–') },
          ]}
        />
      )}
    </PoliciesFrame>
  )
}
