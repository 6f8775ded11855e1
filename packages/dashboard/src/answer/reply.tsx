// What the person behind a link answers with: the choice of the button that they pressed, asked once more; the form; or yes and no to a proposed act. It checks nothing
// itself: the server judges, and what it says stands beside the field that it is about.
import { Problem, type Task } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { draftStore } from '../draft-store.ts'
import { plain, type Shown } from '../exact.ts'
import { AnswerForm } from '../form/form.tsx'
import { returnedFields } from '../form/returned.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { type Answer, keptFor, type View } from './link.ts'

type Props = {
  view: View
  initial: Shown
  error: unknown
  busy: boolean
  onAnswer: (answer: Answer) => void
}

export function Reply(props: Props) {
  const { view, error } = props
  const [isOpen, setOpen] = useState(view.choice === null)
  const closed = whyClosed(view.task)
  if (closed !== null) return <Banner tone="info">{closed}</Banner>
  return (
    <>
      {needsSignIn(error) && <SignIn url={placeOf(error) ?? view.task.url} />}
      {view.choice !== null && <Chosen {...props} choice={view.choice} isOpen={isOpen} onOpen={() => setOpen(true)} />}
      {isOpen && (hasAction(view.task) ? <Verdict {...props} /> : <Form {...props} />)}
    </>
  )
}

const hasAction = (task: Task): boolean => (task as { action?: unknown }).action instanceof Object

/** The server's own word on what this person may do now. */
function whyClosed(task: Task): string | null {
  if (task.status === 'verifying') return null
  if (task.may.includes('decide')) return null
  if (task.assigned_to_display_name) return t('{name} holds this question now.', { name: visible(task.assigned_to_display_name) })
  return t('This question is not yours to answer; this page shows it all the same.')
}

type Chosen = Props & { choice: NonNullable<View['choice']>; isOpen: boolean; onOpen: () => void }

function Chosen({ choice, error, busy, isOpen, onAnswer, onOpen }: Chosen) {
  const label = visible(choice.label)
  return (
    <Card title={t('Your answer')}>
      {!isOpen && <Refusal error={error} />}
      <p>
        {rich('You chose {label}. It counts once you send it.', { label: <strong className="font-semibold">{label}</strong> })}
      </p>
      <div className="flex flex-wrap gap-3">
        <Button tone="primary" busy={busy} onClick={() => onAnswer(choice.answer as Answer)}>
          {busy ? t('Sending…') : t('Send “{label}”', { label })}
        </Button>
        {!isOpen && (
          <Button tone="quiet" onClick={onOpen}>
            {t('Answer otherwise')}
          </Button>
        )}
      </div>
    </Card>
  )
}

function Form({ view, initial, error, busy, onAnswer }: Props) {
  const { task } = view
  const store = draftStore(keptFor(view), task)
  const [kept] = useState(() => store.read())
  return (
    <Card title={view.choice === null ? t('Your answer') : t('Another answer')}>
      <AnswerForm
        drafts={kept?.draft ?? undefined}
        // Kept in this tab: for a reload, and for the page of the task behind a sign-in.
        onDraft={(draft) => store.keep({ draft, reason: kept?.reason ?? '' })}
        responseSchema={task.response_schema}
        formDefinition={task.form_definition}
        initial={plain(initial) ?? undefined}
        error={error}
        returned={returnedFields(task)}
        busy={busy}
        onSubmit={(response) => onAnswer({ type: 'respond', response })}
      />
    </Card>
  )
}

/** Yes or no to what an agent proposes; changing it needs the whole page of the task. */
function Verdict({ view, error, busy, onAnswer }: Props) {
  const [reason, setReason] = useState('')
  const why = reason.trim() === '' ? {} : { reason }
  const reasonError = error instanceof Problem ? error.members.errors?.find(({ path }) => path === '/reason')?.message : undefined
  const submit = (event: FormEvent) => event.preventDefault()
  return (
    <Card title={view.choice === null ? t('Your answer') : t('Another answer')}>
      <form onSubmit={submit} noValidate className="flex flex-col gap-5" aria-label={t('Your answer')}>
        <Refusal error={error} />
        <TextField
          label={t('Reason (optional)')}
          value={reason}
          error={reasonError}
          onChange={(event) => setReason(event.target.value)}
        />
        <div className="flex flex-wrap gap-3">
          <Button tone="primary" busy={busy} onClick={() => onAnswer({ type: 'accept', ...why })}>
            {t('Accept')}
          </Button>
          <Button tone="danger" busy={busy} onClick={() => onAnswer({ type: 'deny', ...why })}>
            {t('Deny')}
          </Button>
        </div>
        <p className="text-sm text-muted">
          {rich('To change what it wants to do before it does it, <link>sign in and open the task</link>.', {
            link: (words) => (
              <a className="text-accent underline" href={view.task.url}>
                {words}
              </a>
            ),
          })}
        </p>
      </form>
    </Card>
  )
}

const needsSignIn = (error: unknown): boolean => error instanceof Problem && error.code === 'step_up_required'

/** Where the server says that one goes on. */
const placeOf = (error: unknown): string | null =>
  error instanceof Problem && typeof error.members.open_url === 'string' ? error.members.open_url : null

const SignIn = ({ url }: { url: string }) => (
  <Banner tone="warning">
    {rich('This question needs more proof than a link gives. <link>Sign in and answer it there</link>. Your link stays good.', {
      link: (words) => (
        <a className="font-medium underline" href={url}>
          {words}
        </a>
      ),
    })}
  </Banner>
)
