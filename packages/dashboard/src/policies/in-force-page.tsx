// The active policies in words (P70): what is allowed, asked and denied, each with its text behind a click.
import type { PolicyVersion } from '@countersign/sdk'
import { Link, useSearchParams } from 'wouter'
import { paths } from '../paths.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { useActive } from './active.ts'
import { type Does, doesOf, PoliciesFrame, PolicyItem } from './frame.tsx'

const FILTERS: { name: string; does: Does | null }[] = [
  { name: t('All'), does: null },
  { name: t('Allows'), does: 'allows' },
  { name: t('Asks'), does: 'asks' },
  { name: t('Denies'), does: 'denies' },
]

function versionOf({ version, origin, activated_at }: PolicyVersion): string {
  const started = origin === 'starting'
  if (!activated_at)
    return started
      ? t('Version {version}, with which this tenant started.', { version })
      : t('Version {version}, saved here.', { version })
  const when = exact(activated_at)
  return started
    ? t('Version {version}, with which this tenant started, active since {when}.', { version, when })
    : t('Version {version}, saved here, active since {when}.', { version, when })
}

export function InForcePage() {
  useTitle(t('Policies'))
  const active = useActive()
  const [search, setSearch] = useSearchParams()
  const wanted = search.get('does')
  const shown = active.data?.policies.filter((policy) => wanted === null || doesOf(policy) === wanted) ?? []
  return (
    <PoliciesFrame title={t('Policies in force')}>
      <Refusal error={active.error} />
      {active.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {active.data && (
        <>
          <p className="text-muted">
            {versionOf(active.data)}{' '}
            {rich(
              'Whatever no policy permits is denied; one that denies outweighs all that allow. <link>Change them in the editor</link>.',
              {
                link: (words) => (
                  <Link href={paths.policyEditor()} className="underline decoration-line-strong underline-offset-4">
                    {words}
                  </Link>
                ),
              },
            )}
          </p>
          {active.data.errors.length > 0 && (
            <Banner tone="error">
              {t('This version does not pass in this build, so every act is denied. Activate another version, or mend this one.')}
            </Banner>
          )}
          <fieldset className="flex flex-wrap gap-1">
            <legend className="sr-only">{t('Show')}</legend>
            {FILTERS.map(({ name, does }) => (
              <Button
                key={name}
                small
                tone={wanted === does ? 'plain' : 'quiet'}
                aria-pressed={wanted === does}
                onClick={() => setSearch(does ? { does } : {})}
              >
                {name}
              </Button>
            ))}
          </fieldset>
          <ul className="card divide-y divide-line" aria-label={t('Policies')}>
            {shown.map((policy) => (
              <PolicyItem key={policy.id} policy={policy} />
            ))}
            {shown.length === 0 && <li className="px-5 py-3 text-muted">{t('No policy of this kind.')}</li>}
          </ul>
        </>
      )}
    </PoliciesFrame>
  )
}
