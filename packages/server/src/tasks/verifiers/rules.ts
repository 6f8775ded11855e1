// Rules (T128): JSON Schemas over the answer, what it is about, and who gave it. In this process, in the deciding transaction, without a network.
import type { TasksHouse } from '../house.ts'
import type { RulesVerifier } from './config.ts'
import { PASSED, type Verdict } from './verdict.ts'

/** What a rule sees. */
export type Facts = {
  response: unknown
  payload: unknown
  action: unknown
  user: { id: string | null; email: string | null; display_name: string }
}

/** Every rule that is broken speaks, not the first alone. */
export async function judgeByRules(
  { forms }: Pick<TasksHouse, 'forms'>,
  { rules }: RulesVerifier,
  facts: Facts,
): Promise<Verdict> {
  const broken = []
  for (const rule of rules) {
    const gated = await forms.gate(rule.schema, '/schema', { mustBeObject: false })
    if ((await forms.check(gated, facts, '')).length > 0) broken.push(rule)
  }
  if (broken.length === 0) return PASSED
  return {
    passed: false,
    reason: broken.map(({ message }) => message).join('\n'),
    field_errors: broken.flatMap(({ field, message }) =>
      field === null ? [] : [{ path: pathOf(field), field, code: 'refused', message }],
    ),
    parsed_response: null,
  }
}

const pathOf = (field: string): string =>
  `/response/${field
    .split('.')
    .map((name) => name.replace(/~/g, '~0').replace(/\//g, '~1'))
    .join('/')}`
