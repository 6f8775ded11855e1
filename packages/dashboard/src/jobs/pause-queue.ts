// Pausing a queue and letting it go on, from wherever it is shown.
import { api } from '../api.ts'
import { useAct } from './frame.tsx'

export const usePauseQueue = () =>
  useAct(({ name, paused }: { name: string; paused: boolean }) =>
    api.call(paused ? 'POST /queues/:name/resume' : 'POST /queues/:name/pause', { params: { name } }),
  )
