// Lists of the API, page after page, as one list that grows when asked.
import type { UseInfiniteQueryResult } from '@tanstack/react-query'
import { useInfiniteQuery } from '@tanstack/react-query'
import { t } from './text/t.ts'
import { Button } from './ui/button.tsx'

type Page<T> = { data: T[]; next_cursor: string | null }

export function useList<T>(
  queryKey: readonly unknown[],
  read: (cursor: string | undefined) => Promise<Page<T>>,
  options: { refetchInterval?: number | false; enabled?: boolean; keep?: (key: readonly unknown[]) => boolean } = {},
) {
  const { keep, ...rest } = options
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => read(pageParam || undefined),
    initialPageParam: '',
    getNextPageParam: (page: Page<T>) => page.next_cursor ?? undefined,
    // What was there before stays until the next is there, where `keep` says of its key that it may.
    placeholderData: (before, query) => (keep && query && keep(query.queryKey) ? before : undefined),
    ...rest,
  })
  return { rows: query.data?.pages.flatMap((page) => page.data) ?? [], query }
}

export function More({ query }: { query: Pick<UseInfiniteQueryResult, 'hasNextPage' | 'isFetchingNextPage' | 'fetchNextPage'> }) {
  if (!query.hasNextPage) return null
  return (
    <div>
      <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {t('Show more')}
      </Button>
    </div>
  )
}
