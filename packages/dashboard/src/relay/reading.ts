// How the page reads a thread: a session may not, so it mints a thread token (relay.md R38), keeps it in memory while the page is open, and follows the thread's own stream. Each
// event only says that the thread is to be read again. The token is shown nowhere and stored nowhere.
import { createClient, Problem, relay, type ThreadArtifact, type ThreadEvent, type ThreadMessage } from '@countersign/sdk'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api } from '../api.ts'
import { useList } from '../list.tsx'
import { oneAtATime } from '../one-at-a-time.ts'

export type Side = 'caller' | 'owner'
export type Reader = { side: Side; client: typeof api }
export type LiveState = 'connecting' | 'live' | 'lost' | 'over'

const PAGE = 200
/** So many pages come by themselves; the rest when asked. */
const PAGES = 5
/** A token lives for an hour. */
const ANEW_MS = 50 * 60_000
/** When nothing pushes. */
const POLL_MS = 5_000
/** Events that come together are shown together. */
const TOGETHER_MS = 50

const useReader = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: ['relay-reader', id],
    queryFn: () => openReader(id),
    enabled,
    // Who leaves the page leaves the token.
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: ({ state }) => (isYetToBegin(state.error) ? POLL_MS : ANEW_MS),
    refetchIntervalInBackground: true,
    retry: false,
  })

/** Of a thread whose first message asks for its relay grant: nobody mints a token for it until people have agreed. */
export const isYetToBegin = (error: unknown): boolean => error instanceof Problem && error.code === 'scope_missing'

async function openReader(id: string): Promise<Reader> {
  const { side, thread_access_token: key } = await api.call('POST /threads/:id/access-tokens', { params: { id }, body: {} })
  // Without a key the calls would be refused, and the page would say so.
  return readerOf(side, key ?? null)
}

/** By a thread token, and by no cookie. */
export const readerOf = (side: Side, key: string | null): Reader => ({
  side,
  client: createClient({ url: location.origin, key, credentials: 'omit' }),
})

/** `given`: who reads it, where that is known already. */
export function useThread(id: string, given?: Reader) {
  const params = { id }
  const opened = useReader(id, given === undefined)
  const reader = given ?? opened.data
  const client = reader?.client
  const key = ['relay', 'thread', id, given ? 'as-given' : 'own']
  const [live, setLive] = useState<LiveState>('connecting')
  const events = useEvents(id, client, setLive)
  const options = { enabled: client !== undefined, refetchInterval: live === 'lost' ? POLL_MS : (false as const) }
  const read = async <T>(act: (by: typeof api) => Promise<T>) => act(client as typeof api)
  const thread = useQuery({
    queryKey: [...key, 'envelope'],
    queryFn: () => read((by) => by.call('GET /threads/:id', { params })),
    ...options,
  })
  const messages = useList<ThreadMessage>(
    [...key, 'messages'],
    (cursor) => read((by) => by.call('GET /threads/:id/messages', { params, query: { limit: PAGE, cursor } })),
    options,
  )
  const artifacts = useQuery<ThreadArtifact[]>({
    queryKey: [...key, 'artifacts'],
    queryFn: () => read(async (by) => (await by.call('GET /threads/:id/artifacts', { params })).data),
    ...options,
  })
  const { query, rows } = messages
  const wantsMore = query.hasNextPage && !query.isFetching && rows.length < PAGE * PAGES
  useEffect(() => {
    if (wantsMore) void query.fetchNextPage()
  }, [wantsMore, query.fetchNextPage])
  return {
    ...{ reader, thread: thread.data, messages: rows, query, artifacts: artifacts.data ?? [], events, live },
    error: opened.error ?? thread.error ?? query.error ?? artifacts.error,
  }
}

/** Every event, once and in order, and those that come while the page is open. */
function useEvents(id: string, client: typeof api | undefined, setLive: (state: LiveState) => void): ThreadEvent[] {
  const queries = useQueryClient()
  const [events, setEvents] = useState<ThreadEvent[]>([])
  useEffect(() => {
    if (!client) return
    const end = new AbortController()
    const refresh = oneAtATime(() => queries.invalidateQueries({ queryKey: ['relay', 'thread', id] }))
    const come: ThreadEvent[] = []
    let shown: ReturnType<typeof setTimeout> | undefined
    const show = () => {
      shown = undefined
      setEvents([...come])
      refresh()
    }
    const onOpen = () => {
      setLive('live')
      // What happened before the stream stood is in the rows.
      refresh()
    }
    const follow = async () => {
      const after = come.at(-1)?.sequence ?? 0
      for await (const event of relay(undefined, undefined, { client }).events(id, {
        ...{ after, signal: end.signal, attempts: 1, onOpen },
      })) {
        come.push(event)
        shown ??= setTimeout(show, TOGETHER_MS)
      }
      if (!end.signal.aborted) setLive('over')
    }
    const keepFollowing = async () => {
      while (!end.signal.aborted)
        try {
          return await follow()
        } catch {
          if (end.signal.aborted) return
          setLive('lost')
          await new Promise((resolve) => setTimeout(resolve, POLL_MS))
        }
    }
    void keepFollowing()
    return () => {
      end.abort()
      clearTimeout(shown)
    }
  }, [id, client, queries, setLive])
  return events
}
