// The stream of task events keeps the cache fresh: each event only says which task to read again. When the stream is down, lists are read every few seconds.
import type { TaskEvent } from '@countersign/sdk'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { api } from './api.ts'

export type Live = 'connecting' | 'live' | 'lost'

export function useLiveTasks(onEvent?: (type: string, record: TaskEvent) => void): Live {
  const queries = useQueryClient()
  const [state, setState] = useState<Live>('connecting')
  const latest = useRef(onEvent)
  latest.current = onEvent

  useEffect(() => {
    const end = new AbortController()
    const follow = async () => {
      const onOpen = () => {
        setState('live')
        // What happened before the stream opened is in the rows.
        void queries.invalidateQueries({ queryKey: ['tasks'] })
      }
      for await (const { event, data } of api.tasks.streamAll({}, { signal: end.signal, onOpen })) {
        void queries.invalidateQueries({ queryKey: ['tasks'] })
        void queries.invalidateQueries({ queryKey: ['task', data.task_id] })
        latest.current?.(event, data)
      }
    }
    follow().catch(() => {
      if (end.signal.aborted) return
      setState('lost')
      // A refusal means that the session ended: asking who one is leads to sign-in.
      void queries.invalidateQueries({ queryKey: ['me'] })
    })
    return () => end.abort()
  }, [queries])
  return state
}
