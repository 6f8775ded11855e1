// One figure as one JSON line, and the arithmetic that figures need.
export type Figure = {
  bench: string
  metric: string
  unit: string
  ours: number
  peer_name: string | null
  peer: number | null
  goal: string | null
  met: boolean | null
}

export function report(figure: Figure): void {
  const ratio = figure.peer === null ? null : round(figure.ours / figure.peer)
  const { goal, met, ...rest } = figure
  const peer = figure.peer === null ? null : round(figure.peer)
  process.stdout.write(`${JSON.stringify({ ...rest, ours: round(figure.ours), peer, ratio, goal, met })}\n`)
}

export const round = (value: number): number => Number(value.toPrecision(4))

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
