// Giving less than what was asked (relay.md R24), as a form in place of JSON: skills, scopes, for how long, limits, and where from. What it says is the arguments that people edit;
// the server refuses what is more.
import { type FormEvent, useId, useState } from 'react'
import { readExact, type Shown } from '../exact.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { TextField } from '../ui/text-field.tsx'
import { LimitFields, useLimits } from './limit-fields.tsx'
import { SCOPES } from './terms.tsx'
import type { Terms } from './terms-asked.ts'

const DAY = 86_400

type Props = { asked: Terms; onEdited: (args: Map<string, Shown>) => void }

export function NarrowTerms({ asked, onEdited }: Props) {
  const [skills, setSkills] = useState(asked.skills)
  const [named, setNamed] = useState('')
  const [scopes, setScopes] = useState(asked.scopes)
  const [days, setDays] = useState(String(asked.expires_in_seconds / DAY))
  const { limits, ...limitFields } = useLimits(asked.limits)
  const [addresses, setAddresses] = useState(asked.bind.addresses?.join(', ') ?? '')
  const [lasting, setLasting] = useState(asked.lasting === true)
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    const own = list(named)
    const terms: Terms = {
      skills: asked.skills === null ? (own.length > 0 ? own : null) : skills,
      scopes,
      expires_in_seconds: Math.round(Number(days) * DAY),
      limits,
      bind: { ...asked.bind, addresses: list(addresses).length > 0 ? list(addresses) : null },
      ...(asked.lasting === undefined ? {} : { lasting }),
    }
    const shown = readExact(JSON.stringify(terms))
    if (shown instanceof Map) onEdited(shown)
  }
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
      {asked.lasting !== undefined && <Lasting checked={lasting} onChange={setLasting} />}
      {asked.skills === null ? (
        <TextField
          label={t('Skills')}
          hint={t('Every skill was asked for. Ids with commas between give these alone.')}
          value={named}
          onChange={(event) => setNamed(event.target.value)}
        />
      ) : (
        <Boxes
          legend={t('Skills')}
          all={asked.skills}
          chosen={skills ?? []}
          nameOf={visible}
          onChange={(next) => setSkills(next)}
        />
      )}
      <Boxes legend={t('It may')} all={asked.scopes} chosen={scopes} nameOf={(one) => SCOPES[one]} onChange={setScopes} />
      <TextField
        label={t('For how many days')}
        inputMode="decimal"
        value={days}
        onChange={(event) => setDays(event.target.value)}
      />
      <LimitFields {...limitFields} />
      <TextField
        label={t('Only from these addresses')}
        hint={t('Addresses or networks with commas between. Empty: from anywhere.')}
        value={addresses}
        onChange={(event) => setAddresses(event.target.value)}
      />
      <div>
        <Button
          type="submit"
          tone="primary"
          reason={scopes.length === 0 || skills?.length === 0 ? t('Leave at least one of each, or deny it.') : undefined}
        >
          {t('Compare and confirm')}
        </Button>
      </div>
    </form>
  )
}

/** Of a request that came with a message: agreed to, that alone goes in, unless this is ticked (R103). */
function Lasting({ checked, onChange }: { checked: boolean; onChange: (checked: boolean) => void }) {
  const hint = useId()
  return (
    <div className="flex flex-col gap-1">
      <label className="flex items-center gap-2 font-medium">
        <input type="checkbox" checked={checked} aria-describedby={hint} onChange={(event) => onChange(event.target.checked)} />
        {t('Let the two stay connected')}
      </label>
      <p id={hint} className="text-sm text-muted">
        {t(
          'Ticked, the agent may start more threads on these terms. Not ticked, this message and its thread are all that is let in.',
        )}
      </p>
    </div>
  )
}

const list = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')

type BoxesProps<T extends string> = {
  legend: string
  all: readonly T[]
  chosen: readonly T[]
  nameOf: (one: T) => string
  onChange: (chosen: T[]) => void
}

const Boxes = <T extends string>({ legend, all, chosen, nameOf, onChange }: BoxesProps<T>) => (
  <fieldset className="flex flex-col gap-1">
    <legend className="mb-1 font-medium">{legend}</legend>
    {all.map((one) => (
      <label key={one} className="flex items-center gap-2">
        <input
          type="checkbox"
          checked={chosen.includes(one)}
          onChange={() => onChange(all.filter((other) => (other === one ? !chosen.includes(one) : chosen.includes(other))))}
        />
        <span className="wrap-anywhere">{nameOf(one)}</span>
      </label>
    ))}
  </fieldset>
)
