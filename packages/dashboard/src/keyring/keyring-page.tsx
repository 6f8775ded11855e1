// The key ring, for hosts: versions of the root key with what hangs on them, the way of a rotation and where it stands, rewraps while they run, ages.
// Shows fingerprints and numbers; no answer of the server holds a key.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { exact, relative, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { RewrapCard } from './rewrap-card.tsx'
import { Steps, whereItStands } from './steps.tsx'
import { type Act, VersionRow } from './version-row.tsx'

const PLACE = ['installation', 'keyring']

export function KeyringPage() {
  useTitle(t('Key ring'))
  const me = useUser()
  const closed = closedTo(me, 'keyring.read', t('see the key ring; that is for the hosts of the installation'))
  return closed ? <Banner tone="warning">{closed}</Banner> : <Inside />
}

function Inside() {
  const client = useQueryClient()
  const now = useNow(10_000)
  const proof = useStepUp()
  const [told, setTold] = useState('')
  const ring = useQuery({
    queryKey: PLACE,
    queryFn: () => api.call('GET /keyring'),
    // While a rewrap runs one wants to see it move.
    refetchInterval: (query) => (query.state.data?.rewraps.some((run) => run.state !== 'finished') ? 1_000 : 10_000),
  })
  const act = useMutation({
    mutationFn: (wanted: Act) => proof.run(() => perform(wanted)),
    onSuccess: (sentence) => setTold(sentence),
    onSettled: () => client.invalidateQueries({ queryKey: PLACE }),
  })
  const state = ring.data
  const open = state?.rewraps.find((run) => run.state !== 'finished')
  const at = state && whereItStands(state)
  const busy = act.isPending
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Key ring')}>
        <div className="flex flex-wrap items-center gap-3">
          <Button
            reason={open ? t('A rewrap is under way.') : undefined}
            busy={busy}
            onClick={() => act.mutate({ name: 'rewrap' })}
          >
            {t('Rewrap now')}
          </Button>
          <Button
            tone="primary"
            reason={at?.mayAdd ? undefined : t('A rotation is under way: finish it first.')}
            busy={busy}
            onClick={() => act.mutate({ name: 'add' })}
          >
            {t('Add a version')}
          </Button>
        </div>
      </PageTitle>
      <p role="status" className="sr-only">
        {told}
      </p>
      <Refusal error={ring.error ?? act.error} />
      {told !== '' && !act.error && <Banner tone="success">{told}</Banner>}
      {state?.warnings.map((warning) => (
        <Banner key={warning} tone="warning">
          {warning}
        </Banner>
      ))}
      {at && <Steps at={at} />}
      {open && <RewrapCard run={open} />}
      {state && (
        <Card
          title={t('Versions of the root key')}
          badge={
            <Badge tone="quiet">
              <span data-content="">{state.source}</span>
            </Badge>
          }
        >
          <ul className="-my-1 divide-y divide-line">
            {state.versions.toReversed().map((version) => (
              <VersionRow
                key={version.version}
                version={version}
                now={now}
                busy={busy}
                rewrapping={open !== undefined}
                onAct={(wanted) => act.mutate(wanted)}
              />
            ))}
          </ul>
        </Card>
      )}
      {state && (
        <div className="grid gap-5 md:grid-cols-2">
          <Card title={t('Ages')}>
            <dl className="grid grid-cols-[1fr_auto] items-baseline gap-x-6 gap-y-2">
              {state.ages.map((age) => (
                <div key={age.what} className="contents">
                  <dt>{AGES[age.what] ?? <span data-content="">{age.what}</span>}</dt>
                  <dd title={exact(age.oldest_at)} className={`text-right ${age.warn ? 'font-medium text-warn' : 'text-muted'}`}>
                    {age.days === 1 ? t('1 day') : t('{days} days', { days: age.days })}
                  </dd>
                </div>
              ))}
              <dt>{t('Tenants with keys')}</dt>
              <dd className="text-right text-muted">{state.tenant_keys.tenants}</dd>
              <dt>{t('Retired versions of their keys')}</dt>
              <dd className="text-right text-muted">{state.tenant_keys.retired}</dd>
            </dl>
            <p className="text-sm text-muted">{t('After 365 days this page warns.')}</p>
          </Card>
          <Card title={t('Live processes')} badge={<Badge tone="quiet">{state.processes.length}</Badge>}>
            <ul className="-my-1 divide-y divide-line">
              {state.processes.map((one) => (
                <li key={one.id} className="flex flex-wrap justify-between gap-3 py-2.5">
                  <span data-content="">{one.roles.join(', ')}</span>
                  <span className="text-sm text-muted" title={exact(one.since)}>
                    {t('holds {versions}', { versions: one.versions.join(', ') })}
                    {' · '}
                    {t('since {when}', { when: relative(one.since, now) })}
                  </span>
                </li>
              ))}
            </ul>
          </Card>
        </div>
      )}
      {state?.rewraps
        .filter((run) => run.state === 'finished')
        .slice(0, 1)
        .map((run) => (
          <RewrapCard key={run.id} run={run} />
        ))}
      {proof.dialog}
    </div>
  )
}

async function perform(act: Act): Promise<string> {
  if (act.name === 'add') {
    const added = await api.call('POST /keyring/versions')
    return t('Version {version} is added. Keep a copy of it apart from the backups.', { version: added.version })
  }
  if (act.name === 'rewrap') {
    await api.call('POST /keyring/rewraps', { body: {} })
    return t('The rewrap is under way; nothing stops meanwhile.')
  }
  const params = { version: String(act.version) }
  if (act.name === 'destroy') {
    const { destroy_at } = await api.call('POST /keyring/versions/:version/destroy', { params })
    return t('Version {version} is destroyed on {when}; until then it can be kept.', {
      version: act.version,
      when: exact(destroy_at),
    })
  }
  await api.call(`POST /keyring/versions/:version/${act.name}`, { params })
  return {
    promote: t('Version {version} seals from now on.', { version: act.version }),
    retire: t('Version {version} is retired.', { version: act.version }),
    keep: t('Version {version} is kept.', { version: act.version }),
  }[act.name]
}

/** What is as old as it says, as the server calls it. */
const AGES: Readonly<Record<string, string>> = {
  'root key': t('Root key'),
  'oldest tenant key': t('Oldest tenant key'),
  'oldest agent key': t('Oldest agent key'),
}
