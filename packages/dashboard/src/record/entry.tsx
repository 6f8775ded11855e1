// One event of a task's record: a sentence and its mark, the facts in a row, and behind them what the event holds and what was checked of it.
import type { Task } from '@countersign/sdk'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { Tree } from '../content/tree.tsx'
import { readExact, type Shown } from '../exact.ts'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { type RecordEntry, sentenceOf } from '../talk/sentence.ts'
import { whoOf } from '../talk/who.ts'
import { Comparison } from '../task/comparison.tsx'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { exact, relative } from '../time.ts'
import { AgentText } from '../ui/content.tsx'
import { VerdictMark, VerdictParts } from './mark.tsx'
import type { Step } from './states.ts'
import type { Judged } from './use-verdicts.ts'

type Props = {
  entry: RecordEntry
  now: number
  task: Task | undefined
  step: Step | undefined
  closed: boolean
  judged: Judged | undefined
}

const CHANNELS: Record<string, string> = {
  dashboard: t('dashboard'),
  api: t('API'),
  cli: t('command line'),
  email: 'e-mail',
  slack: t('Slack'),
  embed: t('embedded page'),
  webhook: t('webhook'),
  timeout: t('the deadline'),
}

const PROVED: Record<string, string> = {
  key: t('by a key'),
  link: t('by a link'),
  channel: t('by the channel'),
  session: t('by a session'),
  step_up: t('by a fresh proof'),
  passkey: t('by a passkey'),
}

const shownOf = (value: unknown): Shown => readExact(JSON.stringify(value))

export function Entry({ entry, now, task, step, closed, judged }: Props) {
  const { id, type, occurred_at, actor, channel, data, before, after, seq } = entry
  const me = useUser()
  return (
    <li className="card flex min-w-0 flex-col gap-3 p-4">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          <p className="font-medium">
            <AgentText text={sentenceOf(entry, whoOf(actor, task, me))} />
          </p>
          <p className="text-sm text-muted">
            <span className="font-mono">{type}</span> ·{' '}
            <time dateTime={occurred_at} title={relative(occurred_at, now)}>
              {exact(occurred_at)}
            </time>
          </p>
        </div>
        <VerdictMark closed={closed} judged={judged} />
      </div>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-2 text-sm sm:grid-cols-5">
        <Fact name={t('Who')}>
          <Actor actor={actor} task={task} />
        </Fact>
        <Fact name={t('Through')}>{channel === null ? '–' : (CHANNELS[channel] ?? channel)}</Fact>
        <Fact name={t('Proved')}>{actor.assurance === undefined ? '–' : (PROVED[actor.assurance] ?? actor.assurance)}</Fact>
        <Fact name={t('State')}>
          {step === undefined
            ? t('the same')
            : step.from === null
              ? wireWord(step.to)
              : `${wireWord(step.from)} → ${wireWord(step.to)}`}
        </Fact>
        <Fact name={t('In the log')}>
          {seq === null ? (
            '–'
          ) : closed ? (
            `#${seq}`
          ) : (
            <Link href={paths.auditEvent(id)} className="underline underline-offset-4">
              #{seq}
            </Link>
          )}
        </Fact>
      </dl>
      {(before || after) && (
        <Comparison before={shownOf(before ?? {})} after={shownOf(after ?? {})} label={t('Before and after')} />
      )}
      <details>
        <summary className="cursor-pointer text-sm text-muted">
          {closed ? t('What it holds') : t('What was checked, and what it holds')}
        </summary>
        <div className="mt-3 flex flex-col gap-4">
          {!closed && <VerdictParts judged={judged} />}
          {Object.keys(data).length === 0 ? (
            <p className="text-sm text-muted">{t('It holds nothing more.')}</p>
          ) : (
            <Tree value={shownOf(data)} />
          )}
        </div>
      </details>
    </li>
  )
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="min-w-0">
    <dt className="text-muted">{name}</dt>
    <dd className="wrap-anywhere">{children}</dd>
  </div>
)

/** A name where the task knows one, else the id. */
function Actor({ actor, task }: { actor: RecordEntry['actor']; task: Task | undefined }) {
  const me = useUser()
  if (actor.type === 'system') return <>{t('the system')}</>
  const named = whoOf(actor, task, me)
  return named ? <AgentText text={named} /> : <span className="font-mono text-xs">{actor.id}</span>
}
