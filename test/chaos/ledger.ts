// What producers were told and what workers said, by id, and the reckoning: accepted = terminal + live, nobody ran what nobody asked for, and no job was
// settled twice.
export type Ledger = {
  /** id → when its enqueue was acknowledged, in ms */
  accepted: Map<string, number>
  /** Enqueues whose outcome nobody was told: their jobs may or may not exist. */
  unknown: number
  /** id → how often its handler was entered */
  started: Map<string, number>
  ended: Set<string>
  /** id → how many settlements that ended it were acknowledged */
  settled: Map<string, number>
  /** Times of those, for rates. */
  settledAt: number[]
  /** From the acknowledgement of the enqueue to the first start, in ms. */
  waits: number[]
}

export const openLedger = (): Ledger => ({
  accepted: new Map(),
  unknown: 0,
  started: new Map(),
  ended: new Set(),
  settled: new Map(),
  settledAt: [],
  waits: [],
})

const once = (map: Map<string, number>, id: string) => void map.set(id, (map.get(id) ?? 0) + 1)

/** One line of a worker. */
export function note(ledger: Ledger, line: string): void {
  const [what, id, outcome] = line.split(' ') as [string, string, string]
  if (what === 'S') {
    const at = ledger.accepted.get(id)
    if (at !== undefined && !ledger.started.has(id)) ledger.waits.push(performance.now() - at)
    once(ledger.started, id)
  }
  if (what === 'E') ledger.ended.add(id)
  if (what === 'A' && outcome === 'completed') {
    once(ledger.settled, id)
    ledger.settledAt.push(performance.now())
  }
}

const LIVE = ['ready', 'running', 'scheduled', 'retrying', 'blocked', 'waiting']

export type Sums = {
  accepted: number
  terminal: number
  live: number
  lost: string[]
  settledTwice: string[]
  strange: string[]
  ranAgain: number
}

/** `find`: a job as the engine's reader shows it, or null when it shows it no longer. */
export async function reckon(ledger: Ledger, find: (id: string) => Promise<{ state: string } | null>): Promise<Sums> {
  const { accepted, started, ended, settled, unknown } = ledger
  const sums = { accepted: accepted.size, terminal: 0, live: 0, lost: [] as string[] }
  for (const id of accepted.keys()) {
    if (settled.has(id)) {
      sums.terminal++
      continue
    }
    // Its worker may have died between the commit and the word: then the engine knows, or it ran to its end and is pruned.
    const job = await find(id)
    if (job && LIVE.includes(job.state)) sums.live++
    else if (job ? job.state === 'completed' && started.has(id) : ended.has(id)) sums.terminal++
    else sums.lost.push(id)
  }
  const foreign = [...started.keys()].filter((id) => !accepted.has(id))
  return {
    ...sums,
    settledTwice: [...settled].filter(([, times]) => times > 1).map(([id]) => id),
    // More foreign jobs than enqueues of unknown outcome came from nowhere.
    strange: foreign.length > unknown ? foreign : [],
    ranAgain: [...started.values()].filter((times) => times > 1).length,
  }
}
