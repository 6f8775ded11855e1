// One person of the tenant: name, role, and what one may change about them. Who may change what is the server's answer.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'

type Person = RouteAnswer<'GET /users'>['data'][number]
type Role = RouteBody<'PUT /users/:id/role'>['role']

export const ROLES: readonly { role: Role; does: string }[] = [
  { role: 'owner', does: t('everything') },
  { role: 'admin', does: t('everything but owners') },
  { role: 'operator', does: t('all tasks, agents and keys') },
  { role: 'member', does: t('own agents, and tasks asked of them') },
  { role: 'reviewer', does: t('answers tasks asked of them') },
  { role: 'auditor', does: t('reads the record, no content') },
  { role: 'viewer', does: t('sees states, no content') },
]

export function PersonRow({ person }: { person: Person }) {
  const me = useUser()
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const refresh = { onSettled: () => queries.invalidateQueries({ queryKey: ['users'] }) }
  const role = useMutation({ mutationFn: (to: Role) => run(() => api.users.setRole(person.id, { role: to })), ...refresh })
  const state = useMutation({
    mutationFn: (to: Person['state']) => run(() => api.users.update(person.id, { state: to })),
    ...refresh,
  })
  const name = visible(person.display_name)
  const self = person.id === me.id ? t('Somebody else has to change this for you.') : undefined
  const locked = closedTo(me, 'role.change', t('change roles')) ?? self
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3">
      <div className="min-w-0">
        <p className="font-medium wrap-anywhere">
          {name} {self && <Badge tone="good">{t('you')}</Badge>}{' '}
          {person.state === 'deactivated' && <Badge tone="quiet">{t('deactivated')}</Badge>}
        </p>
        <p className="text-sm text-muted wrap-anywhere">{person.email}</p>
        <Refusal error={role.error ?? state.error} />
      </div>
      <div className="flex items-center gap-2">
        {locked ? (
          <span className="text-muted" title={locked}>
            {wireWord(person.role)}
          </span>
        ) : (
          <select
            aria-label={t('Role of {name}', { name })}
            value={person.role}
            disabled={role.isPending || person.state === 'deactivated'}
            onChange={(event) => role.mutate(event.target.value as Role)}
            className="min-h-9 rounded-lg border border-line-strong bg-raised px-2 text-sm disabled:opacity-55"
          >
            {ROLES.map((one) => (
              <option key={one.role} value={one.role}>
                {wireWord(one.role)}
              </option>
            ))}
          </select>
        )}
        {!locked &&
          (person.state === 'deactivated' ? (
            <Button
              small
              busy={state.isPending}
              onClick={() => state.mutate('active')}
              aria-label={t('Reactivate {name}', { name })}
            >
              {t('Reactivate')}
            </Button>
          ) : (
            <Confirm
              name={t('Deactivate')}
              title={t('Deactivate {name}', { name })}
              confirm={t('Deactivate')}
              busy={state.isPending}
              onConfirm={() => state.mutate('deactivated')}
            >
              {t('They are signed out everywhere and their keys are refused until they are active again.')}
            </Confirm>
          ))}
      </div>
      {dialog}
    </li>
  )
}
