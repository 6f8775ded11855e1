// The bar in which a decision on an action is confirmed: what will happen in one sentence, a reason, the edit or the answer, and the button that sends. `Enter` sends,
// `Escape` closes. Sends nothing by itself.
import type { Task } from '@countersign/sdk'
import { type FormEvent, type KeyboardEvent, useLayoutEffect, useRef, useState } from 'react'
import { can, stepsIn } from '../can.ts'
import { draftStore, type Kept } from '../draft-store.ts'
import type { Shown } from '../exact.ts'
import { AnswerForm } from '../form/form.tsx'
import { useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import type { Action, ActionType } from './action.ts'
import { Comparison } from './comparison.tsx'
import { EditArguments } from './edit-arguments.tsx'

export type Sent = {
  type: ActionType
  args?: Map<string, Shown>
  response?: Record<string, unknown>
  reason?: string
  remember?: { for_seconds: number }
}

type Props = {
  type: ActionType
  task: Task
  action: Action
  error: unknown
  busy: boolean
  onSend: (sent: Sent) => void
  onClose: () => void
}

const WORDS: Record<ActionType, { title: string; says: (name: string) => string; send: string }> = {
  accept: {
    title: t('Accept it'),
    says: (name) => t('The agent may run {name} with exactly these arguments.', { name }),
    send: t('Accept'),
  },
  edit: {
    title: t('Edit it'),
    says: (name) => t('The agent may run {name} with the arguments as you leave them.', { name }),
    send: t('Send the edit'),
  },
  respond: {
    title: t('Answer instead'),
    says: (name) => t('{name} is not run; the agent reads your answer.', { name }),
    send: t('Send answer'),
  },
  ignore: {
    title: t('Ignore it'),
    says: (name) => t('{name} is not run, and the agent goes on without it.', { name }),
    send: t('Ignore'),
  },
  deny: { title: t('Deny it'), says: (name) => t('{name} must not be run, in this way or another.', { name }), send: t('Deny') },
}

export function ConfirmBar({ type, task, action, error, busy, onSend, onClose }: Props) {
  const store = draftStore(useUser().id, task)
  const [kept, setKept] = useState<Kept>(() => store.read() ?? { draft: null, reason: '' })
  // What was typed outlives a reload and a sign-in; a reason stays with the verdict that it was given for.
  const keep = (part: Partial<Kept>) => {
    const next = { ...kept, ...part, type }
    setKept(next)
    store.keep(next)
  }
  const reason = kept.type === type ? kept.reason : ''
  const [edited, setEdited] = useState<Map<string, Shown> | null>(null)
  const box = useRef<HTMLDivElement>(null)
  // From the edit to its comparison and back: what had the focus is gone each time. Before it is seen, so that `Enter` never meets a bar without the focus.
  const step = edited === null
  // biome-ignore lint/correctness/useExhaustiveDependencies: each step is another form in the same box
  useLayoutEffect(() => {
    box.current?.querySelector<HTMLElement>('input, textarea, select')?.focus()
  }, [step])
  const { title, says, send } = WORDS[type]
  const isDirect = type !== 'respond' && !(type === 'edit' && edited === null)
  const placed = placeErrors(error, ['/reason'])
  const closeOnEscape = (event: KeyboardEvent) => event.key === 'Escape' && !busy && onClose()
  const why = reason.trim() === '' ? {} : { reason }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!busy) onSend({ type, ...(edited ? { args: edited } : {}), ...why })
  }
  const reasonField = (
    <TextField
      label={
        stepsIn(task) ? t('Reason for stepping in') : type === 'deny' ? t('Reason (the agent reads it)') : t('Reason (optional)')
      }
      value={reason}
      error={placed.beside.get('/reason')}
      onChange={(event) => keep({ reason: event.target.value })}
    />
  )
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes what stands in it, wherever the focus is
    <div ref={box} onKeyDown={closeOnEscape} className="flex flex-col gap-4 rounded-lg border border-line-strong bg-sunken p-4">
      <div className="flex items-start justify-between gap-3">
        <h3 className="font-semibold">{title}</h3>
        <Button small tone="quiet" className="-mt-1.5 -mr-2" onClick={onClose}>
          {t('Close')}
        </Button>
      </div>
      <p>{says(visible(action.name))}</p>
      {type === 'respond' && (
        <AnswerForm
          responseSchema={task.response_schema}
          formDefinition={task.form_definition}
          drafts={kept.draft ?? undefined}
          onDraft={(draft) => keep({ draft, reason })}
          onSubmit={(response) => onSend({ type, response, ...why })}
          error={error}
          busy={busy}
          submitLabel={send}
        >
          {reasonField}
        </AnswerForm>
      )}
      {type === 'edit' && edited === null && (
        <EditArguments
          action={action}
          error={error}
          kept={kept}
          onKeep={(part) => keep({ ...part, reason })}
          onEdited={setEdited}
        />
      )}
      {isDirect && (
        <form onSubmit={submit} className="flex flex-col gap-4" aria-label={title}>
          {edited && (
            <div className="flex flex-col gap-2">
              <h4 className="text-sm font-medium">{t('What you changed')}</h4>
              <Comparison before={action.args} after={edited} label={t('What you changed')} />
            </div>
          )}
          <Refusal error={error} placed={placed} />
          {reasonField}
          <div className="flex flex-wrap gap-2">
            <Button type="submit" tone={type === 'deny' ? 'danger' : 'primary'} busy={busy}>
              {busy ? t('Sending…') : send}
            </Button>
            {edited && (
              <Button tone="quiet" onClick={() => setEdited(null)}>
                {t('Change it again')}
              </Button>
            )}
          </div>
        </form>
      )}
      {can('decide', task) !== true && <p className="text-muted">{can('decide', task)}</p>}
    </div>
  )
}
