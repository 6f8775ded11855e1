// The views of the inbox with what waits in each. Filters go with whoever changes the view.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { useLive } from '../live.tsx'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { countText, NAMES, VIEWS, type View } from './views.ts'

export function useCounts() {
  const { refetchInterval } = useLive()
  return useQuery({ queryKey: ['tasks', 'counts'], queryFn: () => api.tasks.counts(), refetchInterval }).data
}

type Props = { view: View; search: URLSearchParams; counts: ReturnType<typeof useCounts> }

export function ViewTabs({ view, search, counts }: Props) {
  const hrefOf = (name: View) => {
    const params = new URLSearchParams(search)
    params.set('view', name)
    params.delete('preview')
    return `${paths.inbox()}?${params}`
  }
  return (
    <nav aria-label={t('Views')} className="flex flex-wrap gap-1 rounded-xl bg-sunken p-1">
      {NAMES.map((name) => {
        const { label, count } = VIEWS[name]
        return (
          <Link
            key={name}
            href={hrefOf(name)}
            aria-current={name === view ? 'page' : undefined}
            className="rounded-lg px-3 py-1 whitespace-nowrap text-muted hover:text-text aria-[current]:bg-raised aria-[current]:font-medium aria-[current]:text-text aria-[current]:shadow-sm"
          >
            {label}
            {count && counts && <span className="ml-1.5 text-sm text-muted tabular-nums"> {countText(counts, count)}</span>}
          </Link>
        )
      })}
    </nav>
  )
}
