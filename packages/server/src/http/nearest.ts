// The known name that a mistyped one probably meant. Never guesses far: null when nothing is near.
export function nearest(name: string, known: readonly string[]): string | null {
  const scored = known.map((one) => ({ one, far: distance(name.toLowerCase(), one.toLowerCase()) }))
  const best = scored.sort((a, b) => a.far - b.far)[0]
  return best && best.far <= Math.max(2, name.length / 4) ? best.one : null
}

/** Levenshtein's, one row at a time. */
function distance(a: string, b: string): number {
  let row = [0, ...[...b].map((_, j) => j + 1)]
  for (const [i, from] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, to] of [...b].entries())
      next.push(Math.min(Number(row[j + 1]) + 1, Number(next[j]) + 1, Number(row[j]) + Number(from !== to)))
    row = next
  }
  return Number(row.at(-1))
}
