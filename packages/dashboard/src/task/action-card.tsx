// The proposed call: its name, what it is for, and every argument, as a table or exactly as it was sent (one key away, T87).
import type { Shown } from '../exact.ts'
import { t } from '../text/t.ts'
import { Card } from '../ui/card.tsx'
import { AgentText, ContentCard } from '../ui/content.tsx'
import { visible } from '../ui/marks.ts'
import { readAction } from './action.ts'

export function ActionCard({ action: shown }: { action: Shown }) {
  const action = readAction(shown)
  if (shown === null) return null
  if (!action) return <ContentCard title={t('What it would do')} value={shown} label={t('proposed action')} />
  return (
    <>
      {action.description && (
        <Card title={t('What it is for')}>
          <AgentText text={action.description} />
        </Card>
      )}
      <ContentCard
        title={t('Would run: {name}', { name: visible(action.name) })}
        value={action.args}
        label={t('proposed arguments')}
        shortcut="v"
      />
    </>
  )
}
