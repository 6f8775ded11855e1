// Sending a decision, proven where the server wants that (T151, T152): the decision is fixed as it stands, the person gives the password for it, and exactly that one is sent. What
// was typed stays in the form all the while. Never sends a decision that the person has not seen named beside the password.
import { Problem, type RouteBody, type Task } from '@countersign/sdk'
import { api } from '../api.ts'
import { AgentText } from '../content/text.tsx'
import { needsProof, usePresence } from '../step-up.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'

type Decision = RouteBody<'POST /tasks/:id/decide'>

const WORDS: Record<Decision['type'], string> = {
  accept: t('accept'),
  edit: t('accept with your changes'),
  respond: t('answer'),
  ignore: t('ignore'),
  deny: t('deny'),
}

export function useProvenDecision(task: Pick<Task, 'id' | 'task'>) {
  const { prove, dialog } = usePresence()

  async function decide(decision: Decision): Promise<Task> {
    try {
      return await api.tasks.decide(task.id, decision)
    } catch (refusal) {
      if (!needsProof(refusal)) throw refusal
      return proven(decision, refusal)
    }
  }

  /** Fixed first, proven then; what took too long to prove is fixed and asked for anew. */
  async function proven(decision: Decision, refusal: unknown, isLate = false): Promise<Task> {
    const { nonce, decision_sha256: digest } = await api.tasks.challenge(task.id, decision)
    await prove(<Fixed task={task} type={decision.type} digest={digest} isLate={isLate} />, refusal)
    try {
      return await api.tasks.decide(task.id, { ...decision, assertion: { nonce } })
    } catch (error) {
      if (error instanceof Problem && error.code === 'challenge_invalid') return proven(decision, refusal, true)
      throw error
    }
  }
  return { decide, dialog }
}

type FixedProps = { task: Pick<Task, 'task'>; type: Decision['type']; digest: string; isLate: boolean }

const Fixed = ({ task, type, digest, isLate }: FixedProps) => (
  <div className="flex min-w-0 flex-col gap-3">
    {isLate && (
      <Banner tone="warning">{t('That took longer than five minutes, so nothing was sent. Confirm it once more.')}</Banner>
    )}
    <p>
      {rich('Your password confirms this decision and no other: you {type} {question}.', {
        type: <strong className="font-semibold">{WORDS[type]}</strong>,
        question: (
          <span className="wrap-anywhere">
            “<AgentText text={task.task.length > 150 ? `${task.task.slice(0, 150)}…` : task.task} />”
          </span>
        ),
      })}
    </p>
    <p className="text-sm text-muted">
      {rich('Its fingerprint, as the receipt will show it: {code}', {
        code: <code className="font-mono wrap-anywhere">{digest.slice(0, 16)}…</code>,
      })}
    </p>
  </div>
)
