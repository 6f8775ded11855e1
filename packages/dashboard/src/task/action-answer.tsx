// Accept, edit, answer, ignore or deny a proposed call. A button or its key opens the bar in which it is confirmed; nothing is sent by one key alone (T163), and an
// edit is shown beside what was proposed before it goes. Which bar is open stands in the address, so that a key in the inbox leads here.
import type { Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef } from 'react'
import { useSearchParams } from 'wouter'
import { can, stepsIn } from '../can.ts'
import { draftStore } from '../draft-store.ts'
import type { Shown } from '../exact.ts'
import { useKeys } from '../keyboard/keys.ts'
import { useUser } from '../me.ts'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { type ActionType, readAction } from './action.ts'
import { sendable } from './compare.ts'
import { ConfirmBar, type Sent } from './confirm-bar.tsx'
import { NeedsProof } from './needs-proof.tsx'
import { useProvenDecision } from './prove.tsx'

const BUTTONS: Record<ActionType, { name: string; key: string | null; tone: 'primary' | 'plain' | 'danger' | 'quiet' }> = {
  accept: { name: t('Accept'), key: 'a', tone: 'primary' },
  edit: { name: t('Edit'), key: 'e', tone: 'plain' },
  respond: { name: t('Answer instead'), key: 'r', tone: 'plain' },
  ignore: { name: t('Ignore'), key: null, tone: 'quiet' },
  deny: { name: t('Deny'), key: 'd', tone: 'danger' },
}
const ORDER: readonly ActionType[] = ['accept', 'edit', 'respond', 'ignore', 'deny']

type Props = { task: Task; action: Shown; unread: string | undefined; onSent: () => void }

export function ActionAnswer({ task, action: shown, unread, onSent }: Props) {
  const queries = useQueryClient()
  const { decide: prove, dialog } = useProvenDecision(task)
  const me = useUser()
  const [search, setSearch] = useSearchParams()
  const buttons = useRef<HTMLFieldSetElement>(null)
  const action = readAction(shown)
  const allowed = can('decide', task)
  const closed = allowed === true ? undefined : allowed
  const types = ORDER.filter((type) => action?.allow.includes(type))
  // Nothing is agreed to that was not read; a no needs no reading.
  const against = (type: ActionType) => closed ?? (type === 'accept' || type === 'edit' ? unread : undefined)
  const wanted = types.find((type) => type === search.get('open'))
  const open = wanted !== undefined && against(wanted) === undefined ? wanted : null
  const setOpen = (type: ActionType | null) =>
    setSearch(
      (params) => {
        if (type) params.set('open', type)
        else params.delete('open')
        return params
      },
      { replace: true },
    )
  const close = () => {
    // The bar goes, and with it what had the focus: it returns to the button that opened it.
    buttons.current?.querySelector<HTMLElement>('[aria-expanded=true]')?.focus()
    setOpen(null)
  }
  const decide = useMutation({
    mutationFn: ({ type, args, ...rest }: Sent) =>
      prove({
        type,
        ...rest,
        ...(args ? { args: sendable(args) as Record<string, unknown> } : {}),
        seen_revision: task.revision,
      }),
    onSuccess: ({ status }) => {
      draftStore(me.id, task).drop()
      close()
      if (status !== 'open' && status !== 'returned') onSent()
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  const choose = (type: ActionType) => {
    decide.reset()
    setOpen(type)
  }
  useKeys(
    Object.fromEntries(
      types.flatMap((type) => {
        const { key } = BUTTONS[type]
        const press = () => {
          if (against(type) === undefined && !decide.isPending) choose(type)
        }
        return key === null ? [] : [[key, press]]
      }),
    ),
  )

  return (
    <Card title={t('Your decision')}>
      {closed !== undefined && <Banner tone="info">{closed}</Banner>}
      {stepsIn(task) && (
        <Banner tone="warning">
          {t('This was asked of somebody else. You can step in; the record says so, with your reason.')}
        </Banner>
      )}
      <NeedsProof task={task} />
      {!action && <p className="text-muted">{t('The proposed action cannot be read here.')}</p>}
      {action && (
        <>
          <fieldset ref={buttons} aria-label={t('Decide on the action')} className="flex flex-wrap gap-2">
            {types.map((type) => (
              <Button
                key={type}
                tone={BUTTONS[type].tone}
                reason={against(type)}
                aria-expanded={open === type}
                aria-keyshortcuts={BUTTONS[type].key ?? undefined}
                title={against(type) ?? (BUTTONS[type].key === null ? undefined : t('Press {key}', { key: BUTTONS[type].key }))}
                onClick={() => choose(type)}
              >
                {BUTTONS[type].name}
              </Button>
            ))}
          </fieldset>
          {open !== null && (
            <ConfirmBar
              // Another choice is another bar, and takes the focus.
              key={open}
              type={open}
              task={task}
              action={action}
              error={decide.error}
              busy={decide.isPending}
              onSend={(sent) => decide.mutate(sent)}
              onClose={close}
            />
          )}
        </>
      )}
      {dialog}
    </Card>
  )
}
