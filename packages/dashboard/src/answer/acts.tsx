// What the person behind a review link can do besides answering (tasks.md T111): take the question on, give it back, send it back to the agent, and talk about it. It sends
// through its page, which alone holds the token; a link of one answer only shows nothing of it.
import { type ReactNode, useState } from 'react'
import { can } from '../can.ts'
import { CommentList, WriteComment } from '../talk/comments.tsx'
import { SendBackButton } from '../talk/send-back.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import type { Act, View } from './link.ts'

/** `onAct` ends when the page shows what came of it, and fails with why nothing did. */
type Props = { view: View; onAct: (act: Act) => Promise<void> }

export function Acts({ view, onAct }: Props): ReactNode {
  const { task, reader, purpose, comments } = view
  const holding = useAct(onAct)
  const sending = useAct(onAct)
  const talking = useAct(onAct)
  if (purpose === 'answer') return null
  const claimable = can('claim', task)
  const isTheirs = task.assigned_to_user_id !== null && task.assigned_to_user_id === reader.user_id
  const isOpen = task.status === 'open' || task.status === 'returned'
  const may = (act: (typeof task.may)[number]) => task.may.includes(act)
  return (
    <>
      {isOpen && (
        <section className="flex flex-col gap-3" aria-label={t('Other acts')}>
          <Refusal error={holding.error} />
          <div className="flex flex-wrap gap-2">
            {!isTheirs && (
              <Button
                small
                busy={holding.busy}
                reason={claimable === true ? undefined : claimable}
                onClick={() => void holding.run({ type: 'claim' }).catch(() => undefined)}
              >
                {t('Claim it')}
              </Button>
            )}
            {may('release') && (
              <Button small busy={holding.busy} onClick={() => void holding.run({ type: 'release' }).catch(() => undefined)}>
                {t('Give it back')}
              </Button>
            )}
            {may('send_back') && (
              <SendBackButton
                task={task}
                busy={sending.busy}
                error={sending.error}
                onSend={(comment) => sending.run({ type: 'send_back', comment })}
              />
            )}
          </div>
        </section>
      )}
      {(may('comment') || comments.length > 0) && (
        <Card title={t('Comments')}>
          <CommentList comments={comments} />
          {may('comment') && (
            <WriteComment busy={talking.busy} error={talking.error} onSend={(body) => talking.run({ type: 'comment', body })} />
          )}
        </Card>
      )}
    </>
  )
}

/** One thing at a time, and why the last one was not done. */
function useAct(act: Props['onAct']) {
  const [state, setState] = useState<{ busy: boolean; error: unknown }>({ busy: false, error: null })
  const run = async (given: Act): Promise<void> => {
    setState({ busy: true, error: null })
    try {
      await act(given)
      setState({ busy: false, error: null })
    } catch (error) {
      setState({ busy: false, error })
      throw error
    }
  }
  return { ...state, run }
}
