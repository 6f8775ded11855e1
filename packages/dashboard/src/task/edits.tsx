// In the record of a task: what edits changed of what was proposed (T45), digit for digit.
import type { Shown } from '../exact.ts'
import { t } from '../text/t.ts'
import { Card } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { readAction } from './action.ts'
import { Comparison } from './comparison.tsx'

export function Edits({ action: shown, decisions }: { action: Shown; decisions: Shown }) {
  const action = readAction(shown)
  if (!action || !Array.isArray(decisions)) return null
  const edits = decisions.flatMap((one) => {
    const args = one instanceof Map ? one.get('args') : null
    return one instanceof Map && args instanceof Map && one.get('state') === 'counted'
      ? [{ id: String(one.get('id')), by: String(one.get('display_name')), args }]
      : []
  })
  return edits.map(({ id, by, args }) => (
    <Card key={id} title={t('Edited by {by}', { by: visible(by) })}>
      <Comparison before={action.args} after={args} label={t('What {by} changed', { by: visible(by) })} />
    </Card>
  ))
}
