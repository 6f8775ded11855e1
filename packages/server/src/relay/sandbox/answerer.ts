// Whoever answers for the sandbox (relay.md R3): a part of each worker that takes messages of its inbox and answers them by the verbs that every agent uses, under leases and before the
// policies of both sides. Holds nothing that another process could not take over; opens no socket.
import { Problem } from '@countersign/sdk'
import { tx } from '../../db/tx.ts'
import { timeUp } from '../../db/version-waits.ts'
import type { RelayHouse } from '../house.ts'
import { type Claimed, claim, settle } from '../threads/claim.ts'
import { respond } from '../threads/respond.ts'
import { readResponse } from '../threads/response.ts'
import { SANDBOX, sandboxScope } from './place.ts'
import { lastSaid } from './sql.ts'
import { type Step, stepsFor } from './words.ts'

const AT_ONCE = 32
const LEASE_SECONDS = 60
const WAIT_SECONDS = 25
const LOOK_AGAIN_MS = 5_000

export function startSandbox(house: RelayHouse): { close(): Promise<void> } {
  const ended = new AbortController()
  const { signal } = ended
  const scope = sandboxScope()
  const busy = new Set<Promise<void>>()

  async function run(): Promise<void> {
    while (!signal.aborted) {
      if (busy.size >= AT_ONCE) {
        await Promise.race(busy)
        continue
      }
      try {
        const how = { limit: AT_ONCE - busy.size, lease_seconds: LEASE_SECONDS, wait_seconds: WAIT_SECONDS }
        for (const one of await claim(house, scope, SANDBOX, how, signal, async (_t, all) => all)) begin(one)
      } catch (error) {
        // Until a process that serves has made it, there is none.
        if (!(error instanceof Problem)) house.log.warn({ err: error }, 'the sandbox could not look for messages')
        await pause(LOOK_AGAIN_MS)
      }
    }
  }

  function begin(one: Claimed): void {
    const work = answer(one)
      .catch((error: unknown) => {
        // Its thread has ended, or somebody else has it by now. What is none of that comes back with its lease.
        if (!(error instanceof Problem)) house.log.warn({ thread_id: one.thread.id, err: error }, 'the sandbox could not answer')
      })
      .finally(() => busy.delete(work))
    busy.add(work)
  }

  async function answer(one: Claimed): Promise<void> {
    const said = await tx(house.db, scope, (t) => lastSaid(t, scope, one.thread.id), { readOnly: true })
    const steps = stepsFor(one.payload.parts, said?.outcome === 'ask')
    if (steps.length === 0) await settleAs(one, 'ack')
    for (const step of steps) {
      if (step.after !== undefined) await pause(step.after * 1_000)
      // For whoever comes after this process.
      if (signal.aborted) return settleAs(one, 'release')
      await say(one, step)
    }
  }

  const settleAs = async (one: Claimed, action: 'ack' | 'release'): Promise<void> => {
    await settle(house, scope, SANDBOX, [{ claim_token: one.token, action }], () => null)
  }

  const say = (one: Claimed, { say: wishes, isWhole }: Step) => {
    const input = { ...readResponse({ ...wishes, claim_token: one.token }), ...(isWhole ? { hasArtifacts: true } : {}) }
    return respond(house, scope, one.thread.id, 'inbox', input, async () => null)
  }

  async function pause(ms: number): Promise<void> {
    const over = timeUp(house.db.clock, ms, signal)
    await over.promise
    over.cancel()
  }

  const running = run()
  return {
    async close() {
      ended.abort()
      await running
      await Promise.all(busy)
    },
  }
}
