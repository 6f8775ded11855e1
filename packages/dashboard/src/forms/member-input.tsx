// The input of one member of a field. An empty one is a member that is not there; what it would be then stands in it, greyed.
import { SelectField } from '../ui/select-field.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'
import { useEditing } from './context.ts'
import { asText, type Raw } from './kinds.ts'
import type { Member } from './members.ts'

type Props = { member: Member; item: Raw; at: string; onChange: (item: Raw) => void }

/** Several, two in a row where there is room. */
export function MemberInputs({ members, ...rest }: Omit<Props, 'member'> & { members: readonly Member[] }) {
  if (members.length === 0) return null
  return (
    <div className="grid grid-cols-1 items-start gap-x-4 gap-y-3 @sm:grid-cols-2">
      {members.map((member) => (
        <div key={member.member} className={WIDE.includes(member.as) ? '@sm:col-span-2' : 'min-w-0'}>
          <MemberInput member={member} {...rest} />
        </div>
      ))}
    </div>
  )
}

const WIDE: readonly Member['as'][] = ['area', 'code', 'lines']

export function MemberInput({ member: { member, label, as, hint, fallback, options }, item, at, onChange }: Props) {
  const { wrong } = useEditing()
  const value = item[member]
  const set = (next: unknown) => onChange(withMember(item, member, next))
  const own = { label, ...(hint ? { hint } : {}), error: wrong(`${at}/${member}`) }
  const typed = { placeholder: fallback === undefined ? undefined : String(fallback) }
  switch (as) {
    case 'flag':
      return (
        <label className="flex min-h-10 items-center gap-2">
          <input
            type="checkbox"
            checked={value === undefined ? fallback === true : value === true}
            onChange={(event) => set(event.target.checked === (fallback === true) ? undefined : event.target.checked)}
          />
          {label}
        </label>
      )
    case 'choice':
      return (
        <SelectField
          label={label}
          options={options ?? []}
          value={asText(value) || asText(fallback)}
          onChange={(event) => set(event.target.value === fallback ? undefined : event.target.value)}
        />
      )
    case 'number':
      return (
        <TextField
          {...own}
          {...typed}
          type="number"
          step="any"
          value={typeof value === 'number' ? value : ''}
          onChange={(event) => set(event.target.value === '' ? undefined : Number(event.target.value))}
        />
      )
    case 'area':
      return <TextArea {...own} rows={3} value={asText(value)} onChange={(event) => set(event.target.value || undefined)} />
    case 'code':
      return <TextArea {...own} mono rows={2} value={asText(value)} onChange={(event) => set(event.target.value || undefined)} />
    case 'lines': {
      const lines = Array.isArray(value) ? value.join('\n') : ''
      return (
        <TextArea
          {...own}
          mono
          rows={2}
          value={lines}
          onChange={(event) => set(event.target.value === '' ? undefined : event.target.value.split('\n'))}
        />
      )
    }
    default:
      return (
        <TextField
          {...own}
          {...typed}
          type={as}
          value={value === undefined || value === null ? '' : String(value)}
          onChange={(event) => set(event.target.value || undefined)}
        />
      )
  }
}

export function withMember(item: Raw, member: string, value: unknown): Raw {
  const { [member]: _, ...others } = item
  return value === undefined
    ? others
    : Object.hasOwn(item, member)
      ? { ...item, [member]: value }
      : { ...others, [member]: value }
}
