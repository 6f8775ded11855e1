// What somebody has to know before anything else on the page: that the tenant takes no changes now, that one reads it through break-glass, or that a host does.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { exact, useNow } from '../time.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { useMyTenants, useSwitch } from './switch.tsx'

export const left = (until: string, now: number): string => {
  const seconds = Math.max(0, Math.ceil((new Date(until).getTime() - now) / 1000))
  return seconds >= 60 ? t('{count} min', { count: Math.ceil(seconds / 60) }) : t('{count} s', { count: seconds })
}

export function TenantNotice() {
  const me = useUser()
  return (
    <div className="mx-auto flex w-full max-w-5xl flex-col gap-2 px-4 pt-4 empty:hidden">
      {me.break_glass && <Visiting endsAt={me.break_glass.ends_at} tenant={me.tenant_name} />}
      {me.tenant_state === 'suspended' && (
        <Banner tone="warning">
          {t('{tenantName} is suspended: it can be read, and nothing in it changes. Ask a host of this installation.', {
            tenantName: me.tenant_name,
          })}
        </Banner>
      )}
      {me.tenant_state === 'closing' && (
        <Banner tone="warning">
          {rich('{tenantName} is closing: it can be read, and will be erased. <link>Until when it can be opened again</link>', {
            tenantName: me.tenant_name,
            link: (words) => (
              <Link href={paths.tenant()} className="underline">
                {words}
              </Link>
            ),
          })}
        </Banner>
      )}
      {!me.break_glass && Object.hasOwn(me.may, 'break_glass.end') && <Visitors />}
    </div>
  )
}

function Visiting({ endsAt, tenant }: { endsAt: string; tenant: string }) {
  const now = useNow(1_000)
  const mine = useMyTenants()
  const leave = useSwitch()
  const home = mine.data?.find((one) => one.role !== null)
  return (
    <Banner tone="warning">
      <span className="inline-flex flex-wrap items-center gap-3">
        {t('You read {tenant} through break-glass. Everything you open is on its record. {endsAt} left.', {
          tenant,
          endsAt: left(endsAt, now),
        })}
        {home && (
          <Button small busy={leave.isPending} onClick={() => leave.mutate(home.tenant_id)}>
            {t('Leave to {name}', { name: home.name })}
          </Button>
        )}
      </span>
    </Banner>
  )
}

/** For those who may end it: who reads here now. */
function Visitors() {
  const now = useNow(1_000)
  const queries = useQueryClient()
  const visits = useQuery({
    queryKey: ['visits'],
    queryFn: () => api.breakGlass.visits({ limit: 20 }),
    refetchInterval: 15_000,
    select: ({ data }) => data.filter((one) => one.state === 'open'),
  })
  const end = useMutation({
    mutationFn: (id: string) => api.breakGlass.end(id),
    onSettled: () => Promise.all(['visits', 'tenant-visits'].map((name) => queries.invalidateQueries({ queryKey: [name] }))),
  })
  return (
    <>
      <Refusal error={end.error} />
      {visits.data?.map((one) => (
        <Banner key={one.id} tone="warning">
          <span className="inline-flex flex-wrap items-center gap-3">
            {rich('{hostName}, a host of this installation, reads here: “{reason}”<span>{endsAt} left.</span>', {
              hostName: one.host_name,
              reason: one.reason,
              span: (words) => <span title={exact(one.ends_at as string)}>{words}</span>,
              endsAt: left(one.ends_at as string, now),
            })}
            <Button
              small
              tone="danger"
              busy={end.isPending}
              aria-label={t('End the visit of {hostName}', { hostName: one.host_name })}
              onClick={() => end.mutate(one.id)}
            >
              {t('End the visit')}
            </Button>
          </span>
        </Banner>
      ))}
    </>
  )
}
