// What tells that the store answers.
import type { Tx } from '../db/tx.ts'

export const readStore = (t: Tx) => t.one<{ answers: boolean }>`select true as answers`
