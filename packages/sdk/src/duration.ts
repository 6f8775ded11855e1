// Times as people write them: milliseconds, or text such as "2h" or "1h 30m". Never guesses: what does not fit exactly is null.

const UNIT: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Milliseconds, or text of the form `90s`, `15m`, `2h`, `1h 30m`, `7d`. */
export type Duration = number | string

export function milliseconds(duration: Duration): number | null {
  if (typeof duration === 'number') return Number.isFinite(duration) && duration >= 0 ? duration : null
  if (duration.length > 64 || !/^\s*(\d+(\.\d+)?\s*(ms|[smhdw])\s*)+$/.test(duration)) return null
  let sum = 0
  for (const [, amount, unit] of duration.matchAll(/(\d+(?:\.\d+)?)\s*(ms|[smhdw])/g))
    sum += Number(amount) * (UNIT[unit as string] as number)
  return sum
}
