// The conversation of a thread, of both sides and in order, with what was decided beside each message (relay.md R128). What either side wrote is text and nothing else.
import type { ThreadArtifact, ThreadEvent, ThreadMessage } from '@countersign/sdk'
import { Link } from 'wouter'
import { When } from '../jobs/frame.tsx'
import { paths } from '../paths.ts'
import { Receipt } from '../task/receipt.tsx'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { Badge } from '../ui/badge.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { visible } from '../ui/marks.ts'
import { type Asked, type Decided, decidedOf } from './decided.ts'
import { Parts } from './parts.tsx'
import type { Side } from './reading.ts'
import { MessageBadge } from './words.tsx'

type Who = (side: Side) => string
type Props = {
  messages: readonly ThreadMessage[]
  events: readonly ThreadEvent[]
  side: Side
  who: Who
  now: number
}

const OUTCOMES: Record<NonNullable<ThreadMessage['outcome']>, string | null> = {
  reply: null,
  message: null,
  progress: t('progress'),
  ask: t('asks back'),
  completed: t('completed'),
  failed: t('failed'),
  rejected: t('rejected'),
}

export function Conversation({ messages, events, side, who, now }: Props) {
  // Pieces of artifacts are shown whole, in a place of their own.
  const said = messages.filter(({ kind }) => kind !== 'artifact')
  return (
    <section aria-label={t('Conversation')} className="flex min-w-0 flex-col gap-3">
      <h2 className="text-lg font-semibold">{t('Conversation')}</h2>
      {said.length === 0 && <p className="card p-6 text-muted">{t('Nothing was said yet.')}</p>}
      <ol className="flex min-w-0 flex-col gap-3">
        {said.map((message) => (
          <li key={message.id} className={`flex min-w-0 ${message.side === side ? 'sm:pl-10' : 'sm:pr-10'}`}>
            <Said {...{ message, now }} side={side} from={who(message.side)} decided={decidedOf(events, message)} />
          </li>
        ))}
      </ol>
    </section>
  )
}

type SaidProps = {
  message: ThreadMessage
  side: Side
  from: string
  decided: Decided
  now: number
}

function Said({ message, side, from, decided, now }: SaidProps) {
  const { payload_state: payload, parts, outcome, skill } = message
  const word = outcome === null ? null : OUTCOMES[outcome]
  return (
    <article
      id={message.id}
      aria-label={t('Message of {from}', { from: visible(from) })}
      className={`card flex min-w-0 grow flex-col gap-3 p-4 ${message.side === side ? 'bg-accent-soft!' : ''}`}
    >
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 text-sm">
        <span className="flex min-w-0 flex-wrap items-center gap-2">
          <strong className="font-semibold wrap-anywhere">
            <AgentText text={from} />
          </strong>
          {skill !== null && (
            <span className="text-muted">
              {t('for')} <AgentText text={skill} />
            </span>
          )}
          {word !== null && <Badge tone={outcome === 'failed' || outcome === 'rejected' ? 'bad' : 'quiet'}>{word}</Badge>}
        </span>
        <span className="flex flex-wrap items-center gap-2 text-muted">
          {message.state !== 'delivered' && <MessageBadge state={message.state} />}
          <When at={message.created_at} now={now} />
        </span>
      </div>
      {parts !== undefined && <Parts parts={parts} />}
      {parts === undefined && (
        <p className="text-muted">
          {payload === 'erased' ? t('The content was erased.') : t('The content is gone: its time was over.')}
        </p>
      )}
      <Judgement decided={decided} hash={message.payload_hash} side={side} />
    </article>
  )
}

type JudgementProps = { decided: Decided; hash: string; side: Side }

/** Decision and receipt of one message. */
function Judgement({ decided, hash, side }: JudgementProps) {
  const { outcome, policies, version, asked } = decided
  return (
    <details className="border-t border-line pt-2 text-sm">
      <summary className="cursor-pointer text-muted">
        {asked
          ? askedWord(asked)
          : outcome === null
            ? t('What is known of it')
            : t('Policies: {outcome}', { outcome: wireWord(outcome) })}
      </summary>
      <div className="mt-2 flex flex-col gap-2">
        {version !== null && (
          <p className="text-muted wrap-anywhere">
            {t('{policies}, in version {version} of the policies.', { policies: policies.join(', ') || t('no policy'), version })}
          </p>
        )}
        {asked?.taskId && asked.side === side && (
          <>
            <Link href={paths.task(asked.taskId)} className="self-start underline underline-offset-4">
              {t('The question')}
            </Link>
            {asked.decision !== null && (
              <Receipt
                task={{ id: asked.taskId, status: asked.decision === 'withdrawn' ? 'cancelled' : 'completed', erased_at: null }}
              />
            )}
          </>
        )}
        <p className="font-mono text-xs text-muted wrap-anywhere">{hash}</p>
      </div>
    </details>
  )
}

const ANSWERS: Record<string, string> = {
  agreed: t('Approved by people'),
  refused: t('Refused by people'),
  withdrawn: t('The question was withdrawn'),
  expired: t('Nobody answered in time'),
}
const askedWord = ({ decision }: Asked): string =>
  decision === null ? t('People are asked') : (ANSWERS[decision] ?? wireWord(decision))

type ArtifactsProps = { artifacts: readonly ThreadArtifact[]; messages: readonly ThreadMessage[] }

/** Results of a thread, each merged from its pieces. An answer that is also the result (R53) stands in the conversation, and once is enough. */
export function Artifacts({ artifacts: all, messages }: ArtifactsProps) {
  const said = new Set(messages.filter(({ kind }) => kind === 'message').map(({ parts }) => JSON.stringify(parts)))
  const artifacts = all.filter(({ artifact_id, parts }) => artifact_id !== 'response' || !said.has(JSON.stringify(parts)))
  if (artifacts.length === 0) return null
  return (
    <Card title={t('Results')}>
      <ul className="flex min-w-0 flex-col divide-y divide-line">
        {artifacts.map((one) => (
          <li key={one.artifact_id} className="flex min-w-0 flex-col gap-1 py-3 first:pt-0 last:pb-0">
            <p className="flex flex-wrap items-center gap-2 font-medium">
              <AgentText text={one.name ?? one.artifact_id} />
              {!one.is_complete && <Badge tone="info">{t('more comes')}</Badge>}
            </p>
            {one.description !== null && (
              <p className="text-sm text-muted">
                <AgentText text={one.description} />
              </p>
            )}
            <Parts parts={one.parts} />
          </li>
        ))}
      </ul>
    </Card>
  )
}
