// The proposed call: its name, what it is for, and every argument, as a table or exactly as it was sent (one key away, T87).
import type { Shown } from '../exact.ts'
import { Card } from '../ui/card.tsx'
import { AgentText, ContentCard } from '../ui/content.tsx'
import { visible } from '../ui/marks.ts'
import { readAction } from './action.ts'

export function ActionCard({ action: shown }: { action: Shown }) {
  const action = readAction(shown)
  if (shown === null) return null
  if (!action) return <ContentCard title="What it would do" value={shown} label="proposed action" />
  return (
    <>
      {action.description && (
        <Card title="What it is for">
          <AgentText text={action.description} />
        </Card>
      )}
      <ContentCard title={`Would run: ${visible(action.name)}`} value={action.args} label="proposed arguments" shortcut="v" />
    </>
  )
}
