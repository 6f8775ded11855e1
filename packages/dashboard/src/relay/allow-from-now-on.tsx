// "Allow this from now on" (relay.md R79), on the page of a question about a message: a draft for its relay grant, its skill and up to a ceiling for each number, for at most 90 days.
// It answers nothing that is asked now, and counts once somebody who may has put it in force.
import type { Task } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import type { Shown } from '../exact.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { type StandingAsked, standingAsked } from './standing-asked.ts'
import { StandingItem, useStanding } from './standing-item.tsx'
import { useRelayAct } from './words.tsx'

const DAY = 86_400
const TIMES = [
  { value: String(DAY), label: t('one day') },
  { value: String(7 * DAY), label: t('one week') },
  { value: String(30 * DAY), label: t('30 days') },
  { value: String(90 * DAY), label: t('90 days') },
]

export function AllowFromNowOn({ task, payload }: { task: Task; payload: Shown }) {
  const asked = standingAsked(task, payload)
  return asked && <Offered task={task} asked={asked} />
}

function Offered({ task, asked }: { task: Task; asked: StandingAsked }) {
  const me = useUser()
  const now = useNow()
  const [open, setOpen] = useState(false)
  const [made, setMade] = useState<string | null>(null)
  const standing = useStanding(asked.grantId, made !== null)
  const draft = standing.data?.find(({ id }) => id === made)
  return (
    <Card title={t('From now on')}>
      {made === null && !open && (
        <>
          <p className="text-sm text-muted">
            {t('The answer above is for this message alone. Messages like it can be let through without asking, for a while.')}
          </p>
          <div>
            <Button small reason={closedTo(me, 'relay_grant.update', t('change relay grants'))} onClick={() => setOpen(true)}>
              {t('Allow this from now on')}
            </Button>
          </div>
        </>
      )}
      {made === null && open && <Draft task={task} asked={asked} onMade={setMade} onLeave={() => setOpen(false)} />}
      {made !== null && (
        <>
          <Refusal error={standing.error} />
          {draft && <StandingItem grantId={asked.grantId} one={draft} now={now} />}
          {standing.isSuccess && !draft && (
            <p className="text-muted">{t('It is gone: messages like it are asked about, each one.')}</p>
          )}
          <Link href={paths.relayGrant(asked.grantId)} className="self-start text-sm underline underline-offset-4">
            {t('All that is allowed under this relay grant')}
          </Link>
        </>
      )}
    </Card>
  )
}

type DraftProps = { task: Task; asked: StandingAsked; onMade: (id: string) => void; onLeave: () => void }

function Draft({ task, asked, onMade, onLeave }: DraftProps) {
  const [ceilings, setCeilings] = useState<Record<string, string>>(Object.fromEntries(asked.amounts))
  const [seconds, setSeconds] = useState(String(7 * DAY))
  const save = useRelayAct(
    () =>
      api.call('POST /relay-grants/:id/standing-permissions', {
        params: { id: asked.grantId },
        body: { task_id: task.id, ceilings: numbersOf(ceilings), for_seconds: Number(seconds) },
      }),
    ({ id }) => onMade(id),
  )
  const placed = placeErrors(
    save.error,
    asked.amounts.map(([name]) => `/ceilings/${name}`),
  )
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    if (Object.values(ceilings).every((one) => isCeiling(one))) save.mutate(undefined)
  }
  const rows: Row[] = [
    [t('Skill'), asked.skill === null ? t('none named') : <AgentText key="skill" text={asked.skill} />],
    ...asked.others.map(
      ([name, text]): Row => [
        visible(name),
        <span key={name}>
          {t('exactly')} <AgentText text={text} />
        </span>,
      ],
    ),
  ]
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
      <Described rows={rows} />
      {asked.amounts.map(([name, text]) => (
        <TextField
          key={name}
          label={t('{name} at most', { name: visible(name) })}
          hint={t('This message says {text}. Above the ceiling it is asked about.', { text })}
          inputMode="numeric"
          value={ceilings[name] ?? ''}
          error={isCeiling(ceilings[name]) ? placed.beside.get(`/ceilings/${name}`) : t('A ceiling is a whole number.')}
          onChange={(event) => setCeilings({ ...ceilings, [name]: event.target.value })}
        />
      ))}
      <SelectField label={t('For')} options={TIMES} value={seconds} onChange={(event) => setSeconds(event.target.value)} />
      <p className="text-sm text-muted">
        {t('Whatever else such a message says, nobody is asked about it. A policy that forbids still forbids.')}
      </p>
      <Refusal error={save.error} placed={placed} />
      <div className="flex flex-wrap gap-2">
        <Button
          type="submit"
          tone="primary"
          reason={Object.values(ceilings).every((one) => isCeiling(one)) ? undefined : t('A ceiling is a whole number.')}
          busy={save.isPending}
        >
          {t('Draft it')}
        </Button>
        <Button tone="quiet" onClick={onLeave}>
          {t('Leave it')}
        </Button>
      </div>
    </form>
  )
}

const isCeiling = (text = ''): boolean => /^\s*(?:-?\d+)?\s*$/.test(text) && Number.isSafeInteger(Number(text))

/** What is left empty is what the message said. */
const numbersOf = (ceilings: Readonly<Record<string, string>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(ceilings)
      .filter(([, text]) => text.trim() !== '')
      .map(([name, text]) => [name, Number(text)]),
  )
