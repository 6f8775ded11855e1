// One standing permission (relay.md R79): what it lets pass without asking, until when and as of which version of the policies, and the click that puts it in force, sets it aside or takes it
// back.
import type { StandingPermission } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { figure } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { AgentText } from '../ui/content.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { LIVE, useRelayAct } from './words.tsx'

const STATE: Record<StandingPermission['state'], { word: string; tone: Tone }> = {
  draft: { word: t('Draft: allows nothing yet'), tone: 'warn' },
  active: { word: t('In force'), tone: 'good' },
  ended: { word: t('Over'), tone: 'quiet' },
}

/** Of one relay grant, in the policies of this tenant. */
export const useStanding = (grantId: string, enabled = true) =>
  useQuery({
    queryKey: ['relay', 'grant', grantId, 'standing'],
    queryFn: async () => (await api.call('GET /relay-grants/:id/standing-permissions', { params: { id: grantId } })).data,
    enabled,
    ...LIVE,
  })

type Props = { grantId: string; one: StandingPermission; now: number }

export function StandingItem({ grantId, one, now }: Props) {
  const me = useUser()
  const { run, dialog } = useStepUp()
  const params = { id: grantId, pid: one.id }
  const activate = useRelayAct(() => run(() => api.call('POST /relay-grants/:id/standing-permissions/:pid/activate', { params })))
  const revoke = useRelayAct(() => run(() => api.call('DELETE /relay-grants/:id/standing-permissions/:pid', { params })))
  const closed = closedTo(me, 'policy.activate', t('put policies in force'))
  const isLate = one.until !== null && Date.parse(one.until) <= now
  const state = STATE[one.state]
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <p className="flex flex-wrap items-center justify-between gap-2">
        <span className="font-medium wrap-anywhere">{whatOf(one)}</span>
        <Badge tone={state.tone}>{state.word}</Badge>
      </p>
      <Described rows={rowsOf(one, Object.hasOwn(me.may, 'policy.read'))} />
      <details className="text-sm">
        <summary className="cursor-pointer text-muted">{t('The policy')}</summary>
        <pre className="mt-2 rounded-lg bg-sunken p-3 font-mono text-xs whitespace-pre-wrap wrap-anywhere" data-content="">
          {visible(one.text)}
        </pre>
      </details>
      <Refusal error={activate.error ?? revoke.error} />
      {one.state === 'draft' && (
        <div className="flex flex-wrap gap-2">
          <Button
            small
            tone="primary"
            reason={closed ?? (isLate ? t('Its time is over.') : undefined)}
            busy={activate.isPending}
            onClick={() => activate.mutate(undefined)}
          >
            {t('Put it in force')}
          </Button>
          <Button small tone="quiet" reason={closed} busy={revoke.isPending} onClick={() => revoke.mutate(undefined)}>
            {t('Set it aside')}
          </Button>
        </div>
      )}
      {one.state === 'active' && (
        <div>
          <Button small tone="danger" reason={closed} busy={revoke.isPending} onClick={() => revoke.mutate(undefined)}>
            {t('Take it back')}
          </Button>
        </div>
      )}
      {dialog}
    </div>
  )
}

const whatOf = ({ actions }: StandingPermission): string =>
  actions.includes('thread.respond') ? t('Answers of the agent') : t('Messages to the agent')

function rowsOf({ skill, ceilings, facts, until, version, state }: StandingPermission, mayRead: boolean): Row[] {
  const words = state === 'draft' ? t('Version {version}, not in force', { version }) : t('Version {version}', { version })
  const same = Object.entries(facts)
  return [
    [t('Skill'), skill === null ? t('none named') : <AgentText key="skill" text={skill} />],
    ...Object.entries(ceilings).map(([name, most]): Row => [visible(name), t('at most {figure}', { figure: figure(most) })]),
    ...same.map(
      ([name, value]): Row => [
        visible(name),
        <span key={name}>
          {t('exactly')} <AgentText text={String(value)} />
        </span>,
      ],
    ),
    [t('Until'), until === null ? t('no end') : exact(until)],
    [
      t('Policies'),
      mayRead ? (
        <Link key="version" href={paths.policyVersion(version)} className="underline underline-offset-4">
          {words}
        </Link>
      ) : (
        words
      ),
    ],
  ]
}
