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
  const told = error instanceof Problem ? tellOf(error, hadAnswered) : null
  if (told)
    return (
      <Banner tone="info">
        <AgentText text={told} />
      </Banner>
    )
  return (
    <>
      <Banner tone="error">{speak(error).text}</Banner>
      <Button onClick={onRetry}>{t('Try again')}</Button>
    </>
  )
}

function tellOf({ code, members }: Problem, hadAnswered: boolean): string | null {
  const by = typeof members.by === 'string' ? members.by : null
  const when = typeof members.settled_at === 'string' ? exact(members.settled_at) : null
  switch (code) {
    case 'link_used':
      return members.channel === 'timeout'
        ? when === null
          ? t('The deadline settled this.')
          : t('The deadline settled this at {when}.', { when })
        : answeredOf(by, when, hadAnswered)
    case 'link_expired':
      return when === null
        ? t('The time for this answer is over. Nothing was sent.')
        : t('The time for this answer is over; it ended at {when}. Nothing was sent.', { when })
    case 'link_revoked':
      return members.state === 'cancelled'
        ? when === null
          ? t('The question was withdrawn.')
          : t('The question was withdrawn at {when}.', { when })
        : t('This link was taken back. A newer message may hold another.')
    case 'link_invalid':
      return t('This link is not whole, or was never one. Open it exactly as it was sent.')
    default:
      return null
  }
}

/** Whose own answer it was needs no “already”. */
function answeredOf(by: string | null, when: string | null, own: boolean): string {
  const said = { by, when }
  if (by !== null && when !== null)
    return own ? t('This was answered by {by} at {when}.', said) : t('This was already answered by {by} at {when}.', said)
  if (by !== null) return own ? t('This was answered by {by}.', said) : t('This was already answered by {by}.', said)
  if (when !== null) return own ? t('This was answered at {when}.', said) : t('This was already answered at {when}.', said)
  return own ? t('This was answered.') : t('This was already answered.')
}
