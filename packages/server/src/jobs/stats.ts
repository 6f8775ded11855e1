// Figures of the tenant's jobs, from counts and rollups. Nothing here is kept up to date by the hot path; each answer says of when it is.
import type { Scope } from '../db/scope.ts'
import type { JobsHouse } from './house.ts'
import { whole } from './page.ts'
import { invalid, look } from './problem.ts'

export const getStats = (house: JobsHouse, scope: Scope) => look(house, scope, (t) => house.queue.stats.totals({ tx: t }))

export type SeriesInput = { from?: Date; to?: Date; step?: number; by?: 'kind' | 'queue' | 'outcome' }

const HOUR_MS = 3_600_000
const MOST_POINTS = 1_500

export const getSeries = (house: JobsHouse, scope: Scope, input: SeriesInput) =>
  look(house, scope, async (t) => {
    const to = input.to ?? t.now
    const from = input.from ?? new Date(to.getTime() - HOUR_MS)
    const step = input.step ?? 60
    if (from >= to) throw invalid('from', 'range_reversed', 'from lies before to.')
    if ((to.getTime() - from.getTime()) / 1000 / step > MOST_POINTS)
      throw invalid('step', 'too_small', `At most ${MOST_POINTS} points: take a larger step or a shorter time.`)
    return house.queue.stats.timeseries({ from, to, step, by: input.by ?? null }, { tx: t })
  })

export const listKindStats = (house: JobsHouse, scope: Scope) =>
  look(house, scope, async (t) => whole(await house.queue.stats.byKind({ tx: t })))
export const listQueueStats = (house: JobsHouse, scope: Scope) =>
  look(house, scope, async (t) => whole(await house.queue.stats.byQueue({ tx: t })))
