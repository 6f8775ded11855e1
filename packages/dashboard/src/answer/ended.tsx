// What the page of a link says when there is nothing to answer: the answer was sent, or the link opens its question no more, and why. Offers nothing but to look again.
import { Problem, type Task } from '@countersign/sdk'
import { speak } from '../problem.ts'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { AgentText } from '../ui/content.tsx'

export function Sent({ task }: { task: Task }) {
  const words: Record<string, string> = {
    completed: t('Your answer was sent. That settles it.'),
    verifying: t('Your answer was sent and is being checked. This page tells you what came of it.'),
  }
  return (
    <div className="flex flex-col gap-4">
      <h1 className="text-2xl font-semibold tracking-tight">
        <AgentText text={task.task} />
      </h1>
      <Banner tone="success">{words[task.status] ?? t('Your answer was sent and counts. The question waits for others.')}</Banner>
      <p className="text-muted">{t('You can close this page.')}</p>
    </div>
  )
}

/** What became of a question whose link opens it no more. */
export function Dead({ error, hadAnswered, onRetry }: { error: unknown; hadAnswered: boolean; onRetry: () => void }) {
  const told = error instanceof Problem ? tellOf(error) : null
  if (told)
    return (
      <Banner tone="info">
        <AgentText text={hadAnswered ? told.replace('already ', '') : told} />
      </Banner>
    )
  return (
    <>
      <Banner tone="error">{speak(error).text}</Banner>
      <Button onClick={onRetry}>{t('Try again')}</Button>
    </>
  )
}

function tellOf({ code, members }: Problem): string | null {
  const by = typeof members.by === 'string' ? ` ${t('by {by}', { by: members.by })}` : ''
  const at = typeof members.settled_at === 'string' ? ` ${t('at {when}', { when: exact(members.settled_at) })}` : ''
  switch (code) {
    case 'link_used':
      return members.channel === 'timeout'
        ? t('The deadline settled this{at}.', { at })
        : t('This was already answered{by}{at}.', { by, at })
    case 'link_expired':
      return at === ''
        ? t('The time for this answer is over. Nothing was sent.')
        : t('The time for this answer is over; it ended{at}. Nothing was sent.', { at })
    case 'link_revoked':
      return members.state === 'cancelled'
        ? t('The question was withdrawn{at}.', { at })
        : t('This link was taken back. A newer message may hold another.')
    case 'link_invalid':
      return t('This link is not whole, or was never one. Open it exactly as it was sent.')
    default:
      return null
  }
}
