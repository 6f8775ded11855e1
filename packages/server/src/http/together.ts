// Callers who want the same kind of thing in the same turn of the loop, or while the work before them is under way, are served together.
// Keeps their order, keeps nothing when nobody waits, and knows nothing of what they want.

export type Together<In, Out> = {
  /** Only callers of one group go together. */
  groupOf(one: In): string
  /** Answers in the order of `all`; a rejection is everybody's. */
  run(all: readonly In[]): Promise<readonly Out[]>
  /** How many works of one group may be under way; whoever comes beyond that waits for company. */
  atOnce: number
}

type Waiting<In, Out> = { one: In; resolve: (out: Out) => void; reject: (error: unknown) => void }
type Group<In, Out> = { waiting: Waiting<In, Out>[]; running: number; soon: boolean }

export function together<In, Out>({ groupOf, run, atOnce }: Together<In, Out>): (one: In) => Promise<Out> {
  const groups = new Map<string, Group<In, Out>>()

  function look(name: string, group: Group<In, Out>): void {
    if (group.waiting.length === 0 && group.running === 0) groups.delete(name)
    if (group.waiting.length === 0 || group.running >= atOnce || group.soon) return
    group.soon = true
    setImmediate(() => {
      group.soon = false
      group.running++
      void serve(group.waiting.splice(0)).finally(() => {
        group.running--
        look(name, group)
      })
    })
  }

  async function serve(party: Waiting<In, Out>[]): Promise<void> {
    try {
      const outs = await run(party.map(({ one }) => one))
      for (const [i, { resolve }] of party.entries()) resolve(outs[i] as Out)
    } catch (error) {
      for (const { reject } of party) reject(error)
    }
  }

  return (one) =>
    new Promise((resolve, reject) => {
      const name = groupOf(one)
      const group = groups.get(name) ?? { waiting: [], running: 0, soon: false }
      groups.set(name, group)
      group.waiting.push({ one, resolve, reject })
      look(name, group)
    })
}
