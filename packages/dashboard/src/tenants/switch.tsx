// In which of one's tenants one acts. The session goes on in the other under another token, so everything that the page knows is asked anew.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useLocation } from 'wouter'
import { api } from '../api.ts'
import { dropDrafts } from '../draft-store.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'

export const useMyTenants = () =>
  useQuery({ queryKey: ['my-tenants'], queryFn: () => api.tenant.mine(), select: ({ data }) => data })

export function useSwitch() {
  const queries = useQueryClient()
  const [, go] = useLocation()
  return useMutation({
    mutationFn: (tenantId: string) => api.tenant.switch(tenantId),
    onSuccess: () => {
      dropDrafts()
      go(paths.inbox())
      return queries.resetQueries()
    },
  })
}

/** Nothing to choose, nothing to see. */
export function TenantSwitch() {
  const mine = useMyTenants()
  const change = useSwitch()
  const rows = mine.data ?? []
  const current = rows.find((one) => one.current)
  if (rows.length < 2 || !current) return null
  return (
    <select
      aria-label={t('Tenant')}
      value={current.tenant_id}
      disabled={change.isPending}
      onChange={(event) => change.mutate(event.target.value)}
      className="min-h-9 max-w-44 truncate rounded-lg border border-line-strong bg-raised px-2 text-sm"
    >
      {rows.map((one) => (
        <option key={one.tenant_id + (one.break_glass_id ?? '')} value={one.tenant_id}>
          {one.name}
          {one.break_glass_id ? ` ${t('(to read)')}` : one.state === 'active' ? '' : ` (${wireWord(one.state)})`}
        </option>
      ))}
    </select>
  )
}
