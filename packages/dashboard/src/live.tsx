// The one stream of task events of a signed-in page. It keeps the cache fresh (each event only says which task to read again), tells whether the page is live, and
// speaks politely to screen readers. It holds no task itself: when the stream is down, lists are read every few seconds instead.
import { Problem } from '@countersign/sdk'
import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react'
import { api } from './api.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { t } from './text/t.ts'

type State = 'connecting' | 'live' | 'lost'
type Live = {
  state: State
  /** How often to read when nothing pushes. */
  refetchInterval: number | false
  announce: (text: string) => void
}

const Context = createContext<Live>({ state: 'connecting', refetchInterval: false, announce: () => undefined })
export const useLive = (): Live => useContext(Context)

const LONGEST_PAUSE_MS = 10_000

export function LiveTasks({ may, children }: { may: boolean; children: ReactNode }) {
  const queries = useQueryClient()
  const [state, setState] = useState<State>(may ? 'connecting' : 'lost')
  const [said, setSaid] = useState('')
  const announce = useCallback((text: string) => setSaid(text), [])

  useEffect(() => {
    if (!may) return
    const end = new AbortController()
    const refresh = oneAtATime(() => queries.invalidateQueries({ queryKey: ['tasks'] }))
    let lastEventId: string | undefined
    let failures = 0
    const onOpen = () => {
      failures = 0
      setState('live')
      // What happened before the stream opened is in the rows.
      void queries.invalidateQueries({ queryKey: ['task'] })
      refresh()
    }
    const follow = async () => {
      const stream = api.tasks.streamAll({}, { signal: end.signal, lastEventId, attempts: 1, onOpen })
      for await (const { id, event, data } of stream) {
        lastEventId = id
        void queries.invalidateQueries({ queryKey: ['task', data.task_id] })
        refresh()
        if (event === 'task.created') setSaid(t('A new task arrived at {when}.', { when: new Date().toLocaleTimeString() }))
      }
    }
    const keepFollowing = async () => {
      while (!end.signal.aborted) {
        try {
          await follow()
        } catch (error) {
          if (end.signal.aborted) return
          setState('lost')
          if (isRefusal(error)) {
            // The session ended, perhaps: asking who one is leads to sign-in.
            void queries.invalidateQueries({ queryKey: ['me'] })
            return
          }
        }
        await pause(Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** failures++), end.signal)
      }
    }
    void keepFollowing()
    return () => end.abort()
  }, [queries, may])

  const live = useMemo<Live>(() => ({ state, refetchInterval: state === 'lost' ? 5_000 : false, announce }), [state, announce])
  return (
    <Context value={live}>
      {children}
      <p role="status" className="sr-only">
        {said}
      </p>
    </Context>
  )
}

const isRefusal = (error: unknown): boolean =>
  error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
