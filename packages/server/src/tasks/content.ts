// The sealed parts of a task (T7): each in an envelope under a key of the task's own, bound to tenant, table, column and row. Digits stay as they came (T6).
// Knows no rule about who may read what: wire.ts masks.
import { Problem } from '@countersign/sdk'
import { EnvelopeError, openText, sealText, type WrappingKey, wrapKey } from '../crypto/seal.ts'
import { randomBytes } from '../crypto/token.ts'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { type Json, readJson, writeJson } from '../http/json.ts'
import { subjectKey, subjectKeys } from '../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../std/id.ts'
import type { TasksHouse } from './house.ts'
import type { DecisionRow } from './sql.ts'

export const subjectOf = (taskId: string): string => `task:${taskId}`

/** A key for a task that is about to be inserted, and its row under the tenant's key. */
export function newTaskKey(
  parent: WrappingKey,
  scope: Scope,
  taskId: string,
): { key: WrappingKey; subject: string; wrapped: Buffer } {
  const subject = subjectOf(taskId)
  const bytes = randomBytes(32)
  const wrapped = wrapKey(parent, `${tenantWire(scope.tenantId)}/${subject}`, 1, bytes)
  return { key: { current: 1, versions: new Map([[1, bytes]]) }, subject, wrapped }
}

export const taskKey = (house: TasksHouse, t: Tx, scope: Scope, taskId: string): Promise<WrappingKey> =>
  subjectKey(house, t, scope, subjectOf(taskId))

type Table = 'tasks' | 'decisions' | 'comments' | 'revisions'
const place = (scope: Scope, table: Table, column: string, row: string) => ({
  tenant: tenantWire(scope.tenantId),
  table,
  column,
  row,
})

export const sealValue = (key: WrappingKey, scope: Scope, table: Table, column: string, row: string, value: unknown): Buffer =>
  sealText(key, place(scope, table, column, row), writeJson(value))

export const sealIf = (
  key: WrappingKey,
  scope: Scope,
  table: Table,
  column: string,
  row: string,
  value: unknown,
): Buffer | null => (value === undefined || value === null ? null : sealValue(key, scope, table, column, row, value))

export const CONTENT = [
  'description',
  'payload',
  'action',
  'initial_response',
  'timeout_response',
  'response',
  'cancel_reason',
  'verifier_result',
  'agent_outcome_detail',
] as const
export type Content = Record<(typeof CONTENT)[number], Json>
export const DECISION_CONTENT = ['response', 'args', 'patch', 'reason', 'comment', 'raw_text'] as const
export type DecisionContent = Record<(typeof DECISION_CONTENT)[number], Json>

/** What an envelope that does not open reads as: the task is shown, its content is not, and others are not affected (tasks.md §11.2). */
export const UNREADABLE = { _unreadable: true }

export type Opener = {
  /** The task's own key, for what is sealed next; `content_erased` when it was destroyed. */
  key(taskId: string): WrappingKey
  task(row: { id: string } & Partial<Record<(typeof CONTENT)[number], Buffer | null>>): Content
  decision(row: DecisionRow): DecisionContent
  /** One envelope of another table that hangs on a task; `row` as its place names it. */
  of(taskId: string, table: 'comments' | 'revisions', column: string, row: string, envelope: Buffer | null): Json
}

/** Opens the content of these tasks; a destroyed key reads as null, as everything of an erased task does. */
export async function openContents(house: TasksHouse, t: Tx, scope: Scope, taskIds: readonly string[]): Promise<Opener> {
  const keys = await subjectKeys(house, t, scope, taskIds.map(subjectOf))
  const open = (
    key: WrappingKey | undefined,
    table: Table,
    column: string,
    row: string,
    envelope: Buffer | null | undefined,
  ): Json => {
    if (!key || !envelope) return null
    try {
      return readJson(openText(key, place(scope, table, column, row), envelope))
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error
      house.log.error({ table, column, row, reason: error.reason }, 'an envelope does not open')
      return UNREADABLE
    }
  }
  return {
    key: (taskId) => {
      const key = keys.get(subjectOf(taskId))
      if (!key) throw new Problem('content_erased')
      return key
    },
    task: (row) => {
      const key = keys.get(subjectOf(row.id))
      return Object.fromEntries(CONTENT.map((name) => [name, open(key, 'tasks', name, row.id, row[name])])) as Content
    },
    of: (taskId, table, column, row, envelope) => open(keys.get(subjectOf(taskId)), table, column, row, envelope),
    decision: (row) => {
      const key = keys.get(subjectOf(row.task_id))
      return Object.fromEntries(
        DECISION_CONTENT.map((name) => [name, open(key, 'decisions', name, row.id, row[name])]),
      ) as DecisionContent
    },
  }
}
