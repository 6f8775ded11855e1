// Acts on several tasks that were chosen: one request each, one after the other, and what became of each is told. Nothing is all or nothing here, and nothing is decided.
import type { TaskListItem } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { useLive } from '../live.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { speak } from '../problem.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { TextField } from '../ui/text-field.tsx'

type Done = 'claimed' | 'released' | 'handed'
type Act = { done: Done; send: (id: string) => Promise<unknown> }
type Left = { task: TaskListItem; why: string }
type Told = { done: Done; many: number; left: Left[] }

const CLAIM: Act = { done: 'claimed', send: (id) => api.tasks.claim(id) }
const RELEASE: Act = { done: 'released', send: (id) => api.tasks.release(id) }

/** A mail address, else the name of a pool. */
const reassign = (to: string, reason: string): Act => ({
  done: 'handed',
  send: (id) => api.tasks.reassign(id, { assign_to: to.includes('@') ? to : { pool: to }, reason }),
})

type Props = { tasks: TaskListItem[]; onLeft: (ids: string[]) => void }

/** `onLeft`: what stays chosen, because it could not be done. */
export function ChosenBar({ tasks, onLeft }: Props) {
  const me = useUser()
  const queries = useQueryClient()
  const { announce } = useLive()
  const [told, setTold] = useState<Told | null>(null)
  const [at, setAt] = useState(0)
  const [handing, setHanding] = useState(false)
  const run = useMutation({
    mutationFn: async ({ act, chosen }: { act: Act; chosen: TaskListItem[] }): Promise<Told> => {
      const left: Left[] = []
      for (const [i, task] of chosen.entries()) {
        setAt(i + 1)
        await act.send(task.id).catch((error: unknown) => left.push({ task, why: speak(error).text }))
      }
      return { done: act.done, many: chosen.length - left.length, left }
    },
    onSuccess: (result) => {
      setTold(result)
      onLeft(result.left.map(({ task }) => task.id))
      announce(sentence(result))
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['tasks'] }),
  })
  const start = (act: Act) => {
    setTold(null)
    setHanding(false)
    run.mutate({ act, chosen: tasks })
  }
  const reason = (action: string, act: string) => closedTo(me, action, act)
  if (tasks.length === 0 && told === null) return null
  return (
    <section
      aria-label={t('Chosen tasks')}
      className="card sticky top-2 z-10 flex flex-col gap-3 border-line-strong p-3 shadow-md"
    >
      {tasks.length > 0 && (
        <div className="flex flex-wrap items-center gap-2">
          <p className="mr-2 font-medium tabular-nums">
            {run.isPending
              ? t('{at} of {chosen}…', { at, chosen: run.variables.chosen.length })
              : t('{tasks} chosen', { tasks: tasks.length })}
          </p>
          <Button small busy={run.isPending} reason={reason('task.claim', t('claim tasks'))} onClick={() => start(CLAIM)}>
            {t('Claim')}
          </Button>
          <Button small busy={run.isPending} reason={reason('task.release', t('give tasks back'))} onClick={() => start(RELEASE)}>
            {t('Give back')}
          </Button>
          <Button
            small
            busy={run.isPending}
            reason={reason('task.reassign', t('hand tasks on'))}
            onClick={() => setHanding(true)}
          >
            {t('Hand on…')}
          </Button>
          <Button small tone="quiet" busy={run.isPending} className="ml-auto" onClick={() => onLeft([])}>
            {t('Choose none')}
          </Button>
        </div>
      )}
      {told && (
        <div className="flex items-start gap-3 px-1 text-sm">
          <div className="min-w-0 grow">
            <p>{sentence(told)}</p>
            {told.left.length > 0 && (
              <ul className="mt-1 flex flex-col gap-1">
                {told.left.map(({ task, why }) => (
                  <li key={task.id}>
                    <Link href={paths.task(task.id)} className="font-medium underline underline-offset-4">
                      {visible(task.task.slice(0, 80))}
                    </Link>
                    : {why}
                  </li>
                ))}
              </ul>
            )}
          </div>
          <Button small tone="quiet" className="-my-1.5" aria-label={t('Close what was told')} onClick={() => setTold(null)}>
            {t('Close')}
          </Button>
        </div>
      )}
      <HandOn
        open={handing}
        many={tasks.length}
        onClose={() => setHanding(false)}
        onHand={(to, why) => start(reassign(to, why))}
      />
    </section>
  )
}

const sentence = ({ done, many, left }: Told): string => SENTENCES[done](many, left.length)

const SENTENCES: Record<Done, (many: number, left: number) => string> = {
  claimed: (many, left) =>
    left === 0
      ? t('{many} {many, plural, one {task was} other {tasks were}} claimed.', { many })
      : t(
          '{many} {many, plural, one {task was} other {tasks were}} claimed, {left} {left, plural, one {was} other {were}} not.',
          {
            many,
            left,
          },
        ),
  released: (many, left) =>
    left === 0
      ? t('{many} {many, plural, one {task was} other {tasks were}} given back.', { many })
      : t(
          '{many} {many, plural, one {task was} other {tasks were}} given back, {left} {left, plural, one {was} other {were}} not.',
          {
            many,
            left,
          },
        ),
  handed: (many, left) =>
    left === 0
      ? t('{many} {many, plural, one {task was} other {tasks were}} handed on.', { many })
      : t(
          '{many} {many, plural, one {task was} other {tasks were}} handed on, {left} {left, plural, one {was} other {were}} not.',
          {
            many,
            left,
          },
        ),
}

type HandProps = { open: boolean; many: number; onClose: () => void; onHand: (to: string, reason: string) => void }

function HandOn({ open, many, onClose, onHand }: HandProps) {
  const [to, setTo] = useState('')
  const [why, setWhy] = useState('')
  const missing = to.trim() === '' ? t('Say to whom first.') : why.trim() === '' ? t('Say why first.') : undefined
  return (
    <Dialog open={open} onClose={onClose} title={many === 1 ? t('Hand the task on') : t('Hand {many} tasks on', { many })}>
      <p>{t('Votes and comments stay. Whoever is asked now is told; the record says who handed it on, and why.')}</p>
      <TextField
        label={t('To whom')}
        hint={t('A mail address, or the name of a pool.')}
        value={to}
        onChange={(event) => setTo(event.target.value)}
      />
      <TextField label={t('Reason')} value={why} maxLength={4_000} onChange={(event) => setWhy(event.target.value)} />
      <div>
        <Button tone="primary" reason={missing} onClick={() => onHand(to.trim(), why.trim())}>
          {t('Hand on')}
        </Button>
      </div>
    </Dialog>
  )
}
