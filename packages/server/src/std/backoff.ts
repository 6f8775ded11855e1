// How long to wait before trying again: doubling, capped, with jitter so that many processes do not return together. Never waits itself.
/** Milliseconds before attempt `attempt` + 1 (the first failure is attempt 1): between half and the whole of first × 2^(attempt−1), at most `maxMs`. */
export function backoffMs(attempt: number, { firstMs = 100, maxMs = 30_000 } = {}): number {
  const whole = Math.min(maxMs, firstMs * 2 ** Math.min(Math.max(attempt, 1) - 1, 40))
  const share = (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 2 ** 32
  return Math.round(whole / 2 + (whole / 2) * share)
}
