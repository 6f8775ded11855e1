// What somebody has to know before anything else on the page: that the tenant takes no changes now, that one reads it through break-glass, or that a host does.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { exact, useNow } from '../time.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { useMyTenants, useSwitch } from './switch.tsx'

export const left = (until: string, now: number): string => {
  const seconds = Math.max(0, Math.ceil((new Date(until).getTime() - now) / 1000))
  return seconds >= 60 ? `${Math.ceil(seconds / 60)} min` : `${seconds} s`
}

export function TenantNotice() {
  const me = useUser()
  return (
    <div className="mx-auto flex w-full max-w-5xl flex-col gap-2 px-4 pt-4 empty:hidden">
      {me.break_glass && <Visiting endsAt={me.break_glass.ends_at} tenant={me.tenant_name} />}
      {me.tenant_state === 'suspended' && (
        <Banner tone="warning">
          {me.tenant_name} is suspended: it can be read, and nothing in it changes. Ask a host of this installation.
        </Banner>
      )}
      {me.tenant_state === 'closing' && (
        <Banner tone="warning">
          {me.tenant_name} is closing: it can be read, and will be erased.{' '}
          <Link href={paths.tenant()} className="underline">
            Until when it can be opened again
          </Link>
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
        You read {tenant} through break-glass. Everything you open is on its record. {left(endsAt, now)} left.
        {home && (
          <Button small busy={leave.isPending} onClick={() => leave.mutate(home.tenant_id)}>
            Leave to {home.name}
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
            {one.host_name}, a host of this installation, reads here: “{one.reason}”
            <span title={exact(one.ends_at as string)}>{left(one.ends_at as string, now)} left.</span>
            <Button
              small
              tone="danger"
              busy={end.isPending}
              aria-label={`End the visit of ${one.host_name}`}
              onClick={() => end.mutate(one.id)}
            >
              End the visit
            </Button>
          </span>
        </Banner>
      ))}
    </>
  )
}
