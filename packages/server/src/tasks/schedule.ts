// When a post to a callback address is tried again (P87, schedule `standard`). Data only.

/** Seconds before attempt 2, 3, …: 75 h 35 min 5 s in all. */
export const CALLBACK_DELAYS: readonly number[] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
export const CALLBACK_ATTEMPTS = CALLBACK_DELAYS.length + 1
