// How this tenant wants its tasks where they do not say it themselves. Without a row the values are the shipped ones.
import type { Scope, Tx } from '../../db/tx.ts'
import { findTaskDefaults, type TaskDefaults } from './sql.ts'

export type TaskSettings = Omit<TaskDefaults, 'erased_before'>

export const DEFAULT_DAYS = 400
const SHIPPED: TaskSettings = { retention_days: DEFAULT_DAYS, reminders: null, redact: 'none', compat_strict_replay: false }

export async function taskSettingsIn(t: Tx, scope: Scope): Promise<TaskSettings> {
  const row = await findTaskDefaults(t, scope)
  if (!row) return SHIPPED
  const { erased_before: _, ...settings } = row
  return settings
}
