// One task: what is asked, by whom, what happens at the deadline, and the form that answers it. No decision shows before the server has it.
import type { Task } from '@countersign/sdk'
import { type Form, formOf } from '@countersign/sdk/form'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { Link } from 'wouter'
import { Markdown } from '../content/markdown.tsx'
import { useReadToEnd } from '../content/read-to-end.tsx'
import type { Shown } from '../exact.ts'
import { returnedAnswer } from '../form/returned.ts'
import { imageOf } from '../image.ts'
import { useLive } from '../live.tsx'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { AllowFromNowOn } from '../relay/allow-from-now-on.tsx'
import { NoticesCard } from '../routing/notices-card.tsx'
import { hidesParts, RevealCard, type Revealed } from '../routing/reveal-card.tsx'
import { Changes } from '../talk/changes.tsx'
import { Comments } from '../talk/comments.tsx'
import { Erase } from '../talk/erase.tsx'
import { Timeline } from '../talk/timeline.tsx'
import { isAction } from '../task/action.ts'
import { ActionAnswer } from '../task/action-answer.tsx'
import { ActionCard } from '../task/action-card.tsx'
import { Edits } from '../task/edits.tsx'
import { Facts, isAnswerable } from '../task/facts.tsx'
import { type Read, readTask } from '../task/read.ts'
import { Votes } from '../task/votes.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { StatusBadge, TaskBadges } from '../ui/badge.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText, ContentCard } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { VerificationCard } from '../verifiers/verification-card.tsx'
import { TaskActs } from './task-acts.tsx'
import { TaskAnswer } from './task-answer.tsx'
import { outcomeOf, TaskOutcome } from './task-outcome.tsx'

export function TaskPage({ id }: { id: string }) {
  const { refetchInterval } = useLive()
  const read = useQuery({ queryKey: ['task', id], queryFn: () => readTask(id), refetchInterval })
  const [revealed, setRevealed] = useState<Revealed | null>(null)
  if (read.isPending) return <p className="text-muted">{t('Loading…')}</p>
  // What was revealed is of one version: when the task moves on, it is hidden again.
  const data = read.data && revealed && revealed.task.version >= read.data.task.version ? revealed : read.data
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.inbox()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Inbox')}
      </Link>
      <Refusal error={read.error} />
      {data && hidesParts(data.task) && <RevealCard task={data.task} onRevealed={setRevealed} />}
      {data && <TaskView key={data.task.revision} {...data} />}
    </div>
  )
}

function TaskView({ task, shown }: Read) {
  const me = useUser()
  const { announce } = useLive()
  // Who was answering keeps the form, with what they typed and the reason why it is closed (T15, T159).
  const [wasOpen] = useState(isAnswerable(task))
  const [sent, setSent] = useState(false)
  const isOver = !isAnswerable(task)
  const isMine = sent || task.completed_by_user_id === me.id
  useTitle(task.task.slice(0, 60))
  useEffect(() => {
    if (wasOpen && isOver && !isMine) announce(outcomeOf(task))
  }, [wasOpen, isOver, isMine, task, announce])
  const member = (name: string): Shown => shown.get(name) ?? null
  // Nothing but a question: what stands beside or below it moves up.
  const isBare =
    ['action', 'payload', 'response'].every((name) => member(name) === null) && !task.description && task.revision === 1
  const { end, unread } = useReadToEnd(task.risk === 'critical' && !isOver)
  const { response_schema, form_definition } = task
  const wide = useMemo(
    () => !isAction(task) && needsRoom(formOf(response_schema, form_definition)),
    [task, response_schema, form_definition],
  )

  return (
    <article className="flex flex-col gap-5">
      <header className="flex flex-col gap-4">
        <div className="flex flex-wrap items-start justify-between gap-3">
          {/* A question of several sentences is read, not shouted. */}
          <h1 className={`min-w-0 font-semibold ${task.task.length > 150 ? 'text-lg leading-snug' : 'text-2xl tracking-tight'}`}>
            <AgentText text={task.task} />
          </h1>
          <div className="flex flex-wrap gap-2 pt-1">
            <TaskBadges task={task} />
            <StatusBadge task={task} />
          </div>
        </div>
        <Facts task={task} onTimeout={member('on_timeout')} />
      </header>
      {/* One below the other it is read in the order of the work: what it is, the answer, what people say of it. */}
      <div
        className={`grid grid-cols-1 items-start gap-5 ${wide ? '' : 'lg:grid-cols-[1fr_minmax(20rem,26rem)] lg:grid-rows-[auto_1fr]'}`}
      >
        <div className="flex min-w-0 flex-col gap-5">
          {typeof task.description === 'string' && task.description !== '' && (
            <Card title={t('Background')}>
              <Markdown text={task.description} loadImage={(url) => imageOf(task.id, url)} />
            </Card>
          )}
          <ActionCard action={member('action')} />
          <Edits action={member('action')} decisions={member('decisions')} />
          {member('payload') !== null && (
            <ContentCard title={t('What it is about')} value={member('payload')} label={t('content')} shortcut="v" />
          )}
          {member('response') !== null && <ContentCard title={t('The answer')} value={member('response')} label={t('answer')} />}
          <Changes task={task} shown={shown} />
          {/* Its own room would be a hole in the column. */}
          <div ref={end} aria-hidden="true" className="-mt-5" />
        </div>
        <div
          className={`flex min-w-0 flex-col gap-5 ${isBare ? (wide ? '-mt-5' : '-mt-5 lg:mt-0') : ''} ${wide ? '' : 'lg:col-start-2 lg:row-span-2'}`}
        >
          <VerificationCard task={task} />
          {isOver && <Arrival wanted={sent}>{<TaskOutcome task={task} />}</Arrival>}
          {(!isOver || (wasOpen && !isMine)) && (
            <Answer
              task={task}
              action={member('action')}
              // What a verifier gave back is mended, not typed again.
              initial={returnedAnswer(task, member('decisions'), { user_id: me.id }) ?? member('initial_response')}
              unread={unread}
              onSent={() => setSent(true)}
            />
          )}
          <Votes task={task} />
          <AllowFromNowOn task={task} payload={member('payload')} />
          <TaskActs task={task} />
          {isOver && <Erase task={task} />}
          <NoticesCard task={task} />
        </div>
        <div className={`flex min-w-0 flex-col gap-5 ${isBare && !wide ? 'lg:-mt-5' : ''}`}>
          <Comments task={task} />
          <Timeline task={task} />
        </div>
      </div>
    </article>
  )
}

/** What answers it: the form, or the bar of a proposed action. */
const Answer = ({ task, action, initial, unread, onSent }: AnswerProps) =>
  isAction(task) ? (
    <ActionAnswer task={task} action={action} unread={unread} onSent={onSent} />
  ) : (
    <TaskAnswer task={task} initial={initial} unread={unread} onSent={onSent} />
  )

type AnswerProps = { task: Task; action: Shown; initial: Shown; unread: string | undefined; onSent: () => void }

/** Whether a form is more than fits beside what it is about. */
const needsRoom = ({ layout, fields }: Form): boolean =>
  layout === 'two_column' || fields.length > 12 || fields.some((field) => field.kind === 'table' && field.columns.length > 2)

/** Takes the focus when it comes, if the person brought it about: the form they stood in is gone. */
function Arrival({ wanted, children }: { wanted: boolean; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (wanted) box.current?.focus()
  }, [wanted])
  return (
    <div ref={box} tabIndex={-1} className="outline-none">
      {children}
    </div>
  )
}
