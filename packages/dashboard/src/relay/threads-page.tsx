// Threads (relay.md R128): what agents of other owners and ours work on together, by side, without contents. What it is filtered by stands in the address.
import type { ThreadLine } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { When } from '../jobs/frame.tsx'
import { useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { AgentText } from '../ui/content.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { ThreadsFrame } from './frame.tsx'
import { Named, Rows, useFilter } from './lists.tsx'
import { LIVE, OPEN_STATES, reasonOf, THREAD_STATES, ThreadBadge, threadWord } from './words.tsx'

const SIDES = [
  { value: '', label: t('with agents of ours') },
  { value: 'caller', label: t('with agents of others') },
]

export function ThreadsPage() {
  useTitle(t('Threads'))
  const me = useUser()
  const now = useNow()
  const { given, set } = useFilter()
  const side = given.side === 'caller' ? 'caller' : 'owner'
  const state = given.state === 'open' ? OPEN_STATES.join(',') : THREAD_STATES.find((one) => one === given.state)
  const { agent, grant } = given
  const closed = closedTo(me, 'thread.list', t('see threads'))
  const list = useList<ThreadLine>(
    ['relay', 'threads', side, state, agent, grant],
    (cursor) =>
      api.call('GET /threads', {
        query: {
          side,
          ...(state ? { state } : {}),
          ...(agent ? { agent } : {}),
          ...(grant ? { relay_grant_id: grant } : {}),
          limit: 50,
          cursor,
        },
      }),
    { enabled: closed === undefined, keep: () => true, ...LIVE },
  )
  if (closed)
    return (
      <ThreadsFrame title={t('Threads')}>
        <Banner tone="info">{closed}</Banner>
      </ThreadsFrame>
    )
  return (
    <ThreadsFrame title={t('Threads')}>
      <search className="grid items-end gap-3 sm:grid-cols-3">
        <SelectField
          label={t('Side')}
          value={side === 'caller' ? side : ''}
          options={SIDES}
          onChange={(event) => set({ side: event.target.value })}
        />
        <SelectField
          label={t('State')}
          value={given.state ?? ''}
          options={[
            { value: '', label: t('any') },
            { value: 'open', label: t('Not ended') },
            ...THREAD_STATES.map((value) => ({ value, label: threadWord(value) })),
          ]}
          onChange={(event) => set({ state: event.target.value })}
        />
        <ByAgent key={agent ?? ''} agent={agent ?? ''} onFind={(one) => set({ agent: one })} />
      </search>
      {grant && (
        <p className="flex flex-wrap items-center gap-3 text-muted">
          <span>
            {t('Of one relay grant:')}{' '}
            <Link href={paths.relayGrant(grant)} className="font-mono underline underline-offset-4">
              {grant}
            </Link>
          </span>
          <Button small onClick={() => set({ grant: '' })}>
            {t('Show all')}
          </Button>
        </p>
      )}
      <Rows
        label={t('Threads')}
        list={list}
        none={
          given.state || agent || grant
            ? t('No thread matches.')
            : side === 'owner'
              ? t(
                  'No thread yet. One begins when an agent of another owner, with a relay grant, sends a first message to an agent of yours.',
                )
              : t(
                  'No thread yet. One begins when an agent of yours, with a relay grant, sends a first message to an agent of somebody else.',
                )
        }
        columns={[
          {
            name: t('With'),
            cell: (row) => (
              <Named below={<span className="font-mono">{row.id}</span>}>
                <Link href={paths.thread(row.id)}>
                  <AgentText text={row.with} />
                </Link>
              </Named>
            ),
          },
          { name: t('Agent'), cell: (row) => <span className="font-mono text-xs wrap-anywhere">{row.agent}</span> },
          {
            name: t('State'),
            cell: (row) => (
              <span className="flex flex-col items-start gap-1">
                <ThreadBadge thread={row} />
                {row.reason && row.ended_at !== null && <span className="text-muted">{reasonOf(row.reason)}</span>}
              </span>
            ),
          },
          { name: t('Skill'), cell: (row) => (row.skill === null ? '–' : <AgentText text={row.skill} />) },
          { name: t('Began'), cell: (row) => <When at={row.created_at} now={now} /> },
          { name: t('Last moved'), cell: (row) => <When at={row.updated_at} now={now} /> },
        ]}
      />
    </ThreadsFrame>
  )
}

function ByAgent({ agent, onFind }: { agent: string; onFind: (agent: string) => void }) {
  const [typed, setTyped] = useState(agent)
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    onFind(typed.trim())
  }
  return (
    <form onSubmit={onSubmit} className="flex items-end gap-2">
      <div className="grow">
        <TextField label={t('Agent')} value={typed} onChange={(event) => setTyped(event.target.value)} />
      </div>
      <Button type="submit">{t('Find')}</Button>
    </form>
  )
}
