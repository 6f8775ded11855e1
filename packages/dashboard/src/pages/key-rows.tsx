// Keys by their visible ends: until when they work, when they were last used, what they may do. Rotating shows the new key once.
import type { Key } from '@countersign/sdk'
import { useMutation } from '@tanstack/react-query'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { day, exact, relative, useNow } from '../time.ts'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'

type Props = { onSecret: (secret: string) => void; onChange: () => void }

export function KeyRows({ rows, ...rest }: Props & { rows: Key[] }) {
  if (rows.length === 0) return null
  return (
    <ul className="-my-1 divide-y divide-line">
      {rows.map((key) => (
        <KeyRow key={key.id} value={key} {...rest} />
      ))}
    </ul>
  )
}

function KeyRow({ value: key, onSecret, onChange }: Props & { value: Key }) {
  const me = useUser()
  const now = useNow(30_000)
  const { run, dialog } = useStepUp()
  const rotate = useMutation({
    mutationFn: () => run(() => api.keys.rotate(key.id)),
    onSuccess: (made) => made.secret && onSecret(made.secret),
    onSettled: onChange,
  })
  const revoke = useMutation({ mutationFn: () => api.keys.revoke(key.id), onSettled: onChange })
  const ends = `${key.prefix}…${key.last_four}`
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3">
      <div className="min-w-0">
        <p className="wrap-anywhere">
          <span className="font-mono text-sm">{ends}</span> <span className="text-sm text-muted">{visible(key.name)}</span>
        </p>
        <p
          className="text-sm text-muted"
          title={t('Made {when} by {name}', { when: exact(key.created_at), name: key.created_by_display_name })}
        >
          {lifeOf(key, now)} · {key.last_used_at ? t('last used {when}', { when: day(key.last_used_at, now) }) : t('never used')}{' '}
          · {key.scopes.join(', ')}
        </p>
        <Refusal error={rotate.error ?? revoke.error} />
      </div>
      {key.state === 'active' && (
        <div className="flex gap-2">
          <Button
            small
            reason={closedTo(me, 'key.rotate', t('rotate keys'))}
            busy={rotate.isPending}
            onClick={() => rotate.mutate()}
            aria-label={t('Rotate {ends}', { ends })}
          >
            {t('Rotate')}
          </Button>
          <Confirm
            name={t('Revoke')}
            title={t('Revoke {ends}', { ends })}
            confirm={t('Revoke the key')}
            reason={closedTo(me, 'key.revoke', t('revoke keys'))}
            busy={revoke.isPending}
            onConfirm={() => revoke.mutate()}
          >
            {t('Whatever uses this key is refused from now on. This cannot be undone.')}
          </Confirm>
        </div>
      )}
      {dialog}
    </li>
  )
}

function lifeOf(key: Key, now: number): string {
  if (key.state === 'revoked') return t('Revoked')
  if (key.state === 'expired' || Date.parse(key.expires_at) <= now) return t('Expired')
  const before = key.rotation_ends_at ? ` · ${t('the one before works until {when}', { when: exact(key.rotation_ends_at) })}` : ''
  return `${t('Expires {when}', { when: relative(key.expires_at, now) })}${before}`
}
