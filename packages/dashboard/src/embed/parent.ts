// Talking with the page that holds this one (T124): to its origin only, from its origin only. Tokens come in this way and never go out.
import type { Known } from './known.ts'

export type Told =
  | { type: 'loaded'; payload: { taskId: string } }
  | { type: 'resize'; payload: { height: number } }
  | { type: 'task.completed'; payload: { taskId: string; response: unknown; completedAt: string | null } }
  | { type: 'task.error'; payload: { taskId: string; code: string; message: string } }
  | { type: 'task.cancelled' | 'task.returned' | 'token.expiring'; payload: { taskId: string; [more: string]: unknown } }

/** What the holder may say. */
export type Heard =
  | { type: 'theme'; payload: { theme: unknown } }
  | { type: 'focus'; payload: unknown }
  | { type: 'token'; payload: { token: string; expiresAt?: string } }

/** The other clients know these and no more. */
const COMPATIBLE = ['loaded', 'resize', 'task.completed', 'task.error']

export type Parent = {
  tell(told: Told): void
  /** Returns how to stop listening. */
  listen(hear: (heard: Heard) => void): () => void
}

export function openParent({ origin, dialect }: Pick<Known, 'origin' | 'dialect'>, own: Window): Parent {
  const source = dialect === 'compatible' ? 'awaithumans' : 'countersign'
  return {
    tell(told) {
      // Opened by itself, in a tab of its own, there is nobody to tell.
      if (own.parent === own || (dialect === 'compatible' && !COMPATIBLE.includes(told.type))) return
      own.parent.postMessage({ source, ...told }, origin)
    },
    listen(hear) {
      const onMessage = (event: MessageEvent) => {
        const heard = event.origin === origin && event.source === own.parent ? readHeard(event.data) : null
        if (heard) hear(heard)
      }
      own.addEventListener('message', onMessage)
      return () => own.removeEventListener('message', onMessage)
    },
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Null: not for us. */
export function readHeard(data: unknown): Heard | null {
  if (!isObject(data)) return null
  const payload = isObject(data.payload) ? data.payload : {}
  if (data.type === 'theme') return { type: 'theme', payload: { theme: payload.theme } }
  if (data.type === 'focus') return { type: 'focus', payload }
  if (data.type !== 'token' || typeof payload.token !== 'string') return null
  const { token, expiresAt } = payload
  return { type: 'token', payload: { token, ...(typeof expiresAt === 'string' ? { expiresAt } : {}) } }
}
