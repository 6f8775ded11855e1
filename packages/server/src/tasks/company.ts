// Callers who come at the same time share a transaction (T168): each is answered after its commit, each is refused alone, and none waits longer for company than 5 ms, or than is said.
// Knows nothing of what they want; the first of a quiet moment goes at once.
import { Problem } from '@countersign/sdk'

export type Company<In, Out> = { join(one: In): Promise<Out> }

export type CompanyOptions<In, Out> = {
  /** Only these may go together. */
  groupOf(one: In): string
  /** In bytes, so that a few large ones do not make one huge statement. */
  sizeOf(one: In): number
  /** Answers in the order of `all`; a Problem refuses one and not the others. */
  together(all: readonly In[]): Promise<(Out | Problem)[]>
  alone(one: In): Promise<Out>
  /** While two transactions are under way. */
  longestWaitMs?: number
}

const LONGEST_WAIT_MS = 5
const MOST = 50
const MOST_BYTES = 1_048_576
// While two commits are on their way, whoever comes waits for company; with fewer there is no reason to.
const AT_ONCE = 2

type Waiting<In, Out> = { one: In; resolve: (out: Out) => void; reject: (error: unknown) => void }
type Queue<In, Out> = { waiting: Waiting<In, Out>[]; running: number; timer: NodeJS.Timeout | null; soon: boolean }

export function openCompany<In, Out>(options: CompanyOptions<In, Out>): Company<In, Out> {
  const queues = new Map<string, Queue<In, Out>>()

  function look(group: string, queue: Queue<In, Out>): void {
    if (queue.waiting.length === 0) {
      if (queue.running === 0) queues.delete(group)
    } else if (queue.running < AT_ONCE || queue.waiting.length >= MOST) {
      if (queue.soon) return
      queue.soon = true
      // Whoever arrives in this turn of the loop comes along.
      setImmediate(() => {
        queue.soon = false
        leave(group, queue)
      })
    } else queue.timer ??= setTimeout(() => leave(group, queue), options.longestWaitMs ?? LONGEST_WAIT_MS)
  }

  function leave(group: string, queue: Queue<In, Out>): void {
    if (queue.timer) clearTimeout(queue.timer)
    queue.timer = null
    const party = take(queue.waiting)
    if (party.length > 0) {
      queue.running++
      void go(party).finally(() => {
        queue.running--
        look(group, queue)
      })
    }
    if (queue.waiting.length > 0) look(group, queue)
  }

  function take(waiting: Waiting<In, Out>[]): Waiting<In, Out>[] {
    let bytes = 0
    let count = 0
    for (const { one } of waiting) {
      bytes += options.sizeOf(one)
      if (count === MOST || (count > 0 && bytes > MOST_BYTES)) break
      count++
    }
    return waiting.splice(0, count)
  }

  async function go(party: Waiting<In, Out>[]): Promise<void> {
    if (party.length === 1) return goAlone(party)
    let outs: (Out | Problem)[]
    try {
      outs = await options.together(party.map(({ one }) => one))
    } catch (error) {
      // Nothing was written. A refusal of the store is everybody's; what one of them brought about must not be.
      if (error instanceof Problem) for (const { reject } of party) reject(error)
      else await goAlone(party)
      return
    }
    for (const [i, { resolve, reject }] of party.entries()) {
      const out = outs[i] as Out | Problem
      if (out instanceof Problem) reject(out)
      else resolve(out)
    }
  }

  async function goAlone(party: Waiting<In, Out>[]): Promise<void> {
    await Promise.all(party.map(({ one, resolve, reject }) => options.alone(one).then(resolve, reject)))
  }

  return {
    join: (one) =>
      new Promise((resolve, reject) => {
        const group = options.groupOf(one)
        const queue = queues.get(group) ?? { waiting: [], running: 0, timer: null, soon: false }
        queues.set(group, queue)
        queue.waiting.push({ one, resolve, reject })
        look(group, queue)
      }),
  }
}
