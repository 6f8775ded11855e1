// Which credential opens a thread: the one that the caller was given for everything, or the thread token of its start. A token is renewed while it lives, so that whoever
// follows a thread for a day needs nobody. Keeps tokens in memory alone and shows none.

import { type ClientOptions, Countersign } from '../client.ts'
import { systemClock } from '../clock.ts'
import { Problem } from '../problem.ts'
import { canRepeat } from '../transport.ts'

export type Tokens = {
  /** Whoever was given to us. */
  readonly own: Countersign
  hold(threadId: string, token: string, expiresAt?: string): void
  /** A client that may read this thread, with a token that lives for minutes yet. */
  of(threadId: string): Promise<Countersign>
  /** Renews in time until told to stop: for streams, which outlive a token. */
  keep(threadId: string): () => void
}

type Held = { client: Countersign; expiresAt: number | null; renewal: Promise<void> | null }

/** How long before its end a token is renewed. */
const MARGIN_MS = 300_000

export function holdTokens(options: ClientOptions & { client?: Countersign }): Tokens {
  const clock = options.clock ?? systemClock
  const own = options.client ?? new Countersign(options)
  const held = new Map<string, Held>()

  function hold(threadId: string, token: string, expiresAt?: string): void {
    // A proof belongs to the key that it was made with, not to a token of the thread.
    const client = new Countersign({ ...options, proof: undefined, url: own.settings.url, key: token })
    held.set(threadId, { client, expiresAt: expiresAt === undefined ? null : Date.parse(expiresAt), renewal: null })
  }

  async function renew(threadId: string, { client }: Held): Promise<void> {
    try {
      const minted = await client.call('POST /threads/:id/access-tokens', { params: { id: threadId }, body: {} })
      if (minted.thread_access_token !== undefined) hold(threadId, minted.thread_access_token, minted.expires_at)
    } catch (error) {
      // A line of tokens ends after a day; the old one opens what it opens until then.
      if (!(error instanceof Problem) || canRepeat(error)) throw error
    }
  }

  async function of(threadId: string): Promise<Countersign> {
    const one = held.get(threadId)
    if (!one) return own
    if (one.expiresAt !== null && one.expiresAt - clock.now().getTime() < MARGIN_MS) {
      one.renewal ??= renew(threadId, one).finally(() => {
        one.renewal = null
      })
      await one.renewal
    }
    return held.get(threadId)?.client ?? own
  }

  function keep(threadId: string): () => void {
    let stop: () => void = () => undefined
    let isOver = false
    const plan = () => {
      const { expiresAt } = held.get(threadId) ?? { expiresAt: null }
      if (expiresAt === null || isOver) return
      const ms = expiresAt - MARGIN_MS - clock.now().getTime()
      // One that could not be renewed is left to end: what follows is said by the next call.
      if (ms <= 0) return
      stop = clock.timer(ms + 1_000, () => void of(threadId).then(plan, plan), { unref: true })
    }
    plan()
    return () => {
      isOver = true
      stop()
    }
  }

  return { own, hold, of, keep }
}
