// All scenarios, in the order of the spec, and what they set beside the database.
import { b4, b5, b6 } from './latency.ts'
import type { Scenario } from './scenario.ts'
import { b9, b10, b11, b12 } from './side.ts'
import { b8 } from './suffering.ts'
import { b1, b2, b3, b7, SETTINGS as THROUGHPUT } from './throughput.ts'

export const SCENARIOS: readonly Scenario[] = [b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12]

export const SETTINGS = THROUGHPUT
