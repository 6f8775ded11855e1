// Votes so far, of a task that waits for several people: how many are needed, who said what, and one's own vote to take back. Blind votes are counted, not shown.
import type { Decision, Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { AgentText } from '../content/text.tsx'
import { useUser } from '../me.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { relative, useNow } from '../time.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { Attested } from './attested.tsx'

export function Votes({ task }: { task: Task }) {
  if (!task.quorum || task.votes_needed < 2) return null
  const { groups, blind } = task.quorum
  const live = task.decisions.filter(({ state }) => state === 'counted' || state === 'pending')
  const past = task.decisions.filter(({ state }) => state === 'void' || state === 'withdrawn')
  return (
    <Card
      title={t('Votes')}
      badge={<Badge tone="info">{t('{votes} of {votesNeeded}', { votes: task.votes, votesNeeded: task.votes_needed })}</Badge>}
    >
      {task.unreachable_at !== null && (
        <Banner tone="warning">{t('Too few people are left who could agree. Others are being asked; the number stays.')}</Banner>
      )}
      <Dots voted={task.votes} needed={task.votes_needed} />
      {groups.length > 1 && (
        <ul className="flex flex-wrap gap-x-5 gap-y-1 text-sm text-muted">
          {groups.map(({ name, need, all }) => (
            <li key={name}>
              <AgentText text={name ?? ''} />: {all ? t('all {need}', { need }) : need}
            </li>
          ))}
        </ul>
      )}
      {blind && task.status === 'open' && <p className="text-muted">{t('Nobody sees another’s vote before it is settled.')}</p>}
      {live.length > 0 && (
        <ul className="flex flex-col divide-y divide-line">
          {live.map((decision) => (
            <Vote key={decision.id} decision={decision} task={task} />
          ))}
        </ul>
      )}
      {past.length > 0 && (
        <details className="text-sm">
          <summary className="cursor-pointer text-muted">
            {t('{past} {past, plural, one {vote counts} other {votes count}} no more', { past: past.length })}
          </summary>
          <ul className="mt-2 flex flex-col gap-1">
            {past.map(({ id, display_name, state }) => (
              <li key={id}>
                <AgentText text={display_name} />, {state === 'void' ? t('before it changed') : t('taken back')}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Card>
  )
}

const Dots = ({ voted, needed }: { voted: number; needed: number }) => (
  <div className="flex flex-wrap gap-1.5" aria-hidden="true">
    {Array.from({ length: Math.min(needed, 50) }, (_, i) => (
      <span
        // biome-ignore lint/suspicious/noArrayIndexKey: a dot is its place
        key={i}
        className={`size-3 rounded-full border ${i < voted ? 'border-accent bg-accent' : 'border-line-strong'}`}
      />
    ))}
  </div>
)

const SAID: Record<Decision['type'], { word: string; tone: Tone }> = {
  accept: { word: t('accepts'), tone: 'good' },
  edit: { word: t('edits'), tone: 'good' },
  respond: { word: t('answers'), tone: 'info' },
  ignore: { word: t('ignores'), tone: 'quiet' },
  deny: { word: t('denies'), tone: 'bad' },
}

function Vote({ decision, task }: { decision: Decision; task: Task }) {
  const me = useUser()
  const now = useNow()
  const queries = useQueryClient()
  const withdraw = useMutation({
    mutationFn: () => api.tasks.withdrawVote(task.id, decision.id),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  const isMine = decision.user_id === me.id && task.may.includes('withdraw_vote')
  const { word, tone } = SAID[decision.type]
  return (
    <li className="flex flex-col gap-1 py-2">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <strong className="font-medium">
          <AgentText text={decision.display_name} />
        </strong>
        <Badge tone={tone}>{word}</Badge>
        {decision.group && (
          <span className="text-sm text-muted">{rich('for {group}', { group: <AgentText text={decision.group} /> })}</span>
        )}
        <time className="text-sm text-muted" dateTime={decision.decided_at}>
          {relative(decision.decided_at, now)}
        </time>
        {isMine && (
          <Button small tone="quiet" className="ml-auto" busy={withdraw.isPending} onClick={() => withdraw.mutate()}>
            {t('Take your vote back')}
          </Button>
        )}
      </div>
      {typeof decision.reason === 'string' && <AgentText text={decision.reason} />}
      <Attested decision={decision} />
      <Refusal error={withdraw.error} />
    </li>
  )
}
