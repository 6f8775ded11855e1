// One version of the root key: what it is, what hangs on it, and the one act that fits its state.

import { t } from '../text/t.ts'
import { exact, relative } from '../time.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import type { KeyringState } from './steps.tsx'

export type Act = { name: 'add' } | { name: 'rewrap' } | { name: 'promote' | 'retire' | 'destroy' | 'keep'; version: number }

type Version = KeyringState['versions'][number]

const STATES: Record<Version['state'], { word: string; tone: Tone; says: string }> = {
  current: { word: t('Current'), tone: 'good', says: t('Seals and opens.') },
  accepted: { word: t('Accepted'), tone: 'info', says: t('Opens, and does not seal.') },
  retired: { word: t('Retired'), tone: 'quiet', says: t('Nothing names it any more.') },
  destroyed: { word: t('Destroyed'), tone: 'quiet', says: t('Its key is gone.') },
}

type Props = { version: Version; now: number; busy: boolean; rewrapping: boolean; onAct: (act: Act) => void }

export function VersionRow({ version, now, busy, rewrapping, onAct }: Props) {
  const { word, tone, says } = STATES[version.state]
  const since = version.destroyed_at ?? version.retired_at ?? version.promoted_at ?? version.created_at
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3.5">
      <div className="flex min-w-0 flex-col gap-1">
        <div className="flex flex-wrap items-center gap-2">
          <h3 className="font-medium">{t('Version {version}', { version: version.version })}</h3>
          <Badge tone={tone}>{word}</Badge>
          <code className="text-sm text-muted" title={t('Fingerprint: tells keys apart and says nothing about them')}>
            {version.fingerprint}
          </code>
          <span className="text-sm text-muted" data-content="">
            {version.source}
          </span>
        </div>
        <p className="text-sm text-muted">
          {says}{' '}
          <span title={exact(since)}>{t('Since {when}.', { when: relative(since, Math.max(now, Date.parse(since))) })}</span>
          {version.wraps > 0 && ` ${t('{wraps} keys under it.', { wraps: version.wraps.toLocaleString('en-GB') })}`}
          {version.passwords > 0 &&
            ` ${t('Pepper of {passwords} passwords.', { passwords: version.passwords.toLocaleString('en-GB') })}`}
          {version.missing_in > 0 && ` ${t('{missingIn} live processes lack it.', { missingIn: version.missing_in })}`}
        </p>
        {version.destroy_at && version.state === 'retired' && (
          <p className="text-sm font-medium text-danger" title={exact(version.destroy_at)}>
            {t('Destroyed {when}.', { when: relative(version.destroy_at, now) })}
          </p>
        )}
      </div>
      <VersionAct version={version} busy={busy} rewrapping={rewrapping} onAct={onAct} />
    </li>
  )
}

function VersionAct({ version, busy, rewrapping, onAct }: Omit<Props, 'now'>) {
  const { version: number, state } = version
  if (state === 'retired' && version.destroy_at)
    return (
      <Button small busy={busy} onClick={() => onAct({ name: 'keep', version: number })}>
        {t('Keep version {number}', { number })}
      </Button>
    )
  if (state === 'retired')
    return (
      <Confirm
        name={t('Destroy version {number}', { number })}
        title={t('Destroy version {number}', { number })}
        confirm={t('Destroy it in seven days')}
        busy={busy}
        onConfirm={() => onAct({ name: 'destroy', version: number })}
      >
        {t(
          'In seven days its key is gone. Backups that were made while it sealed can then be read by nobody who has no copy of it. Until then it can be kept.',
        )}
      </Confirm>
    )
  if (state !== 'accepted') return null
  if (version.promoted_at === null)
    return (
      <Button
        small
        tone="primary"
        busy={busy}
        reason={version.missing_in > 0 ? t('Not every live process holds it yet.') : undefined}
        onClick={() => onAct({ name: 'promote', version: number })}
      >
        {t('Promote version {number}', { number })}
      </Button>
    )
  return (
    <Button
      small
      busy={busy}
      reason={
        rewrapping
          ? t('A rewrap is under way.')
          : version.wraps > 0
            ? t('Keys are still wrapped under it: rewrap first.')
            : undefined
      }
      onClick={() => onAct({ name: 'retire', version: number })}
    >
      {t('Retire version {number}', { number })}
    </Button>
  )
}
