// What a person may do with a task now: true, or the sentence that says why not. The server decides (`may` in its answer); this file only finds the words.
import type { Task } from '@countersign/sdk'
import { t } from './text/t.ts'

type Act = 'decide' | 'claim' | 'release' | 'cancel'

const has = (task: Task, act: Task['may'][number]): boolean => task.may.includes(act)

function settled(task: Task): string | null {
  if (task.status === 'open' || task.status === 'returned') return null
  const name = task.completed_by_display_name
  return (
    {
      completed: name ? t('This task was settled by {name}.', { name }) : t('This task was settled.'),
      timed_out: t('The time for this task ran out.'),
      cancelled: t('This task was withdrawn.'),
      verifying: t('An answer is being checked.'),
      revising: t('It is with the agent, which changes what it asks.'),
      verification_exhausted: t('No answer passed its verifier.'),
    }[task.status as string] ?? t('This task is not open.')
  )
}

/** Where the server gives no reason, as one before it does not. */
const WHY: Record<Act, string> = {
  decide: t('This question was asked of somebody else.'),
  claim: t('Only those who were asked together can claim it, and only while nobody holds it.'),
  release: t('Only who holds it can give it back.'),
  cancel: t('Only the asking side or an operator can withdraw it.'),
}

type Reason = NonNullable<Task['may_not'][Act]>

function reasonOf(act: Act, task: Task): string | undefined {
  const holder = task.assigned_to_display_name
  const words: Partial<Record<Reason, string>> = {
    already_decided: t('You have voted. Take your vote back to vote otherwise.'),
    separation_of_duties: t('You are on the asking side of this question: somebody else has to decide it.'),
    task_already_claimed: holder ? t('{holder} holds this question.', { holder }) : t('Somebody else holds this question.'),
    needs_several: t('Several people have to agree: nobody holds it alone.'),
    not_claimed: t('Nobody holds it.'),
    agent_may_not_decide: t('Only people decide.'),
    forbidden: act === 'cancel' ? WHY.cancel : t('Your role does not allow it.'),
  }
  const reason = task.may_not?.[act]
  return reason === undefined ? undefined : words[reason]
}

export const can = (act: Act, task: Task): true | string => {
  const over = settled(task)
  // What is being checked or changed can still be withdrawn, and nothing else.
  if (over && !(act === 'cancel' && has(task, act))) return over
  if (has(task, act) || (act === 'decide' && has(task, 'step_in'))) return true
  return reasonOf(act, task) ?? WHY[act]
}

/** Deciding a task that was asked of others: allowed, recorded, and only with a reason. */
export const stepsIn = (task: Task): boolean => !has(task, 'decide') && has(task, 'step_in')
