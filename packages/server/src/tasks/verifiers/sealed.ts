// What a verifier said, in an envelope under the task's own key (T7): its reason repeats what a person wrote.
import { openText, sealText, type WrappingKey } from '../../crypto/seal.ts'
import type { Scope } from '../../db/scope.ts'
import { readJson, writeJson } from '../../http/json.ts'
import { tenantWire } from '../../std/id.ts'
import type { At, RunRow } from './sql.ts'
import type { Verdict } from './verdict.ts'

const place = (scope: Scope, decisionId: string, position: number) => ({
  tenant: tenantWire(scope.tenantId),
  table: 'verifier_runs',
  column: 'verdict',
  row: `${decisionId}/${position}`,
})

export const sealVerdict = (key: WrappingKey, scope: Scope, at: At, verdict: Verdict): Buffer =>
  sealText(key, place(scope, at.decisionId, at.position), writeJson(verdict))

export const openVerdict = (key: WrappingKey, scope: Scope, run: RunRow): Verdict | null =>
  run.verdict && (readJson(openText(key, place(scope, run.decision_id, run.position), run.verdict)) as unknown as Verdict)
