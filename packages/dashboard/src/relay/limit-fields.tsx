// The limits of a relay grant as fields (relay.md R24, R36). What is left empty is not said.
import type { RelayLimits } from '@countersign/sdk'
import { useState } from 'react'
import { t } from '../text/t.ts'
import { TextField } from '../ui/text-field.tsx'
import { LIMIT_NAMES, LIMITS } from './terms.tsx'

type Typed = Record<string, string>

export function useLimits(before: RelayLimits): { typed: Typed; set: (next: Typed) => void; limits: Record<string, number> } {
  const [typed, set] = useState<Typed>(
    Object.fromEntries(LIMIT_NAMES.map((name) => [name, before[name] === undefined ? '' : String(before[name])])),
  )
  const said = Object.entries(typed).filter(([, value]) => value.trim() !== '')
  return { typed, set, limits: Object.fromEntries(said.map(([name, value]) => [name, Number(value)])) }
}

type Props = Pick<ReturnType<typeof useLimits>, 'typed' | 'set'> & { errors?: ReadonlyMap<string, string> }

export const LimitFields = ({ typed, set, errors }: Props) => (
  <fieldset className="grid gap-3 sm:grid-cols-2">
    <legend className="mb-2 font-medium">{t('Limits')}</legend>
    {LIMIT_NAMES.map((name) => (
      <TextField
        key={name}
        label={LIMITS[name]}
        inputMode="numeric"
        value={typed[name] ?? ''}
        error={errors?.get(`/limits/${name}`)}
        onChange={(event) => set({ ...typed, [name]: event.target.value })}
      />
    ))}
  </fieldset>
)
