// The way of a rotation as five steps, with where it stands and what comes next. It reads the state; it does nothing.
import type { RouteAnswer } from '@countersign/sdk'

export type KeyringState = RouteAnswer<'GET /keyring'>
type Step = 'add' | 'promote' | 'rewrap' | 'retire' | 'destroy'
/** `mayAdd`: no rotation is under way. */
export type Standing = { step: Step; says: string; mayAdd?: true }

const STEPS: { step: Step; name: string }[] = [
  { step: 'add', name: 'Add' },
  { step: 'promote', name: 'Promote' },
  { step: 'rewrap', name: 'Rewrap' },
  { step: 'retire', name: 'Retire' },
  { step: 'destroy', name: 'Destroy' },
]

export function whereItStands({ versions, rewraps }: Pick<KeyringState, 'versions' | 'rewraps'>): Standing {
  const current = versions.find((one) => one.state === 'current')?.version ?? 0
  const next = versions.find((one) => one.state === 'accepted' && one.version > current)
  if (next)
    return next.missing_in > 0
      ? { step: 'promote', says: `Version ${next.version} is added; ${processes(next.missing_in)} not hold it yet.` }
      : { step: 'promote', says: `Every live process holds version ${next.version}: promote it.` }
  const older = versions.filter((one) => one.state === 'accepted')
  const needed = older.find((one) => one.wraps > 0)
  if (rewraps.some((run) => run.state !== 'finished')) return { step: 'rewrap', says: 'Wraps are moving to the current version.' }
  if (needed) return { step: 'rewrap', says: `${needed.wraps} keys are still wrapped under version ${needed.version}: rewrap.` }
  if (older[0]) return { step: 'retire', says: `Nothing is wrapped under version ${older[0].version} any more: retire it.` }
  const planned = versions.find((one) => one.state === 'retired' && one.destroy_at)
  if (planned)
    return { step: 'destroy', says: `Version ${planned.version} waits for its end. Nothing else is to do.`, mayAdd: true }
  const retired = versions.find((one) => one.state === 'retired')
  if (retired) return { step: 'destroy', says: `Version ${retired.version} is retired and can be destroyed.`, mayAdd: true }
  return { step: 'add', says: 'One version does all. A rotation begins with a further one.', mayAdd: true }
}

const processes = (count: number): string => (count === 1 ? 'one live process does' : `${count} live processes do`)

export function Steps({ at }: { at: Standing }) {
  const here = STEPS.findIndex(({ step }) => step === at.step)
  return (
    <section className="card flex flex-col gap-4 p-5" aria-labelledby="steps-title">
      <h2 id="steps-title" className="text-base font-semibold">
        Rotation
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
