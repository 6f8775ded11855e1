// The way of a rotation as five steps, with where it stands and what comes next. It reads the state; it does nothing.
import type { RouteAnswer } from '@countersign/sdk'
import { t } from '../text/t.ts'

export type KeyringState = RouteAnswer<'GET /keyring'>
type Step = 'add' | 'promote' | 'rewrap' | 'retire' | 'destroy'
/** `mayAdd`: no rotation is under way. */
export type Standing = { step: Step; says: string; mayAdd?: true }

const STEPS: { step: Step; name: string }[] = [
  { step: 'add', name: t('Add') },
  { step: 'promote', name: t('Promote') },
  { step: 'rewrap', name: t('Rewrap') },
  { step: 'retire', name: t('Retire') },
  { step: 'destroy', name: t('Destroy') },
]

export function whereItStands({ versions, rewraps }: Pick<KeyringState, 'versions' | 'rewraps'>): Standing {
  const current = versions.find((one) => one.state === 'current')?.version ?? 0
  const next = versions.find((one) => one.state === 'accepted' && one.version > current)
  if (next)
    return next.missing_in > 0
      ? {
          step: 'promote',
          says: t(
            'Version {version} is added; {count, plural, one {one live process does} other {{count} live processes do}} not hold it yet.',
            { version: next.version, count: next.missing_in },
          ),
        }
      : { step: 'promote', says: t('Every live process holds version {version}: promote it.', { version: next.version }) }
  const older = versions.filter((one) => one.state === 'accepted')
  const needed = older.find((one) => one.wraps > 0)
  if (rewraps.some((run) => run.state !== 'finished'))
    return { step: 'rewrap', says: t('Wraps are moving to the current version.') }
  if (needed)
    return {
      step: 'rewrap',
      says: t('{wraps} keys are still wrapped under version {version}: rewrap.', {
        wraps: needed.wraps,
        version: needed.version,
      }),
    }
  if (older[0])
    return {
      step: 'retire',
      says: t('Nothing is wrapped under version {version} any more: retire it.', { version: older[0].version }),
    }
  const planned = versions.find((one) => one.state === 'retired' && one.destroy_at)
  if (planned)
    return {
      step: 'destroy',
      says: t('Version {version} waits for its end. Nothing else is to do.', { version: planned.version }),
      mayAdd: true,
    }
  const retired = versions.find((one) => one.state === 'retired')
  if (retired)
    return {
      step: 'destroy',
      says: t('Version {version} is retired and can be destroyed.', { version: retired.version }),
      mayAdd: true,
    }
  return { step: 'add', says: t('One version does all. A rotation begins with a further one.'), mayAdd: true }
}

export function Steps({ at }: { at: Standing }) {
  const here = STEPS.findIndex(({ step }) => step === at.step)
  return (
    <section className="card flex flex-col gap-4 p-5" aria-labelledby="steps-title">
      <h2 id="steps-title" className="text-base font-semibold">
        {t('Rotation')}
      </h2>
      <ol className="grid grid-cols-5 gap-2">
        {STEPS.map(({ step, name }, i) => (
          <li key={step} aria-current={i === here ? 'step' : undefined} className="group flex flex-col gap-2">
            <span
              className={`h-1.5 rounded-full ${i < here ? 'bg-accent' : i === here ? 'bg-accent/50' : 'bg-sunken'}`}
              aria-hidden="true"
            />
            <span className="text-sm text-muted group-aria-[current]:font-semibold group-aria-[current]:text-text">
              {i + 1}. {name}
            </span>
          </li>
        ))}
      </ol>
      <p>{at.says}</p>
    </section>
  )
}
