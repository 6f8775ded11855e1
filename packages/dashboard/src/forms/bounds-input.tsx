// The bounds of a number. A field of a definition has none: they stand in the schema, and here they are changed there.
import { steps, valueAt } from '@countersign/sdk/form'
import { t } from '../text/t.ts'
import { TextField } from '../ui/text-field.tsx'
import { useEditing } from './context.ts'
import { withNode } from './schema-of.ts'

/** `place`: of the number, as a pointer into the schema. */
export function BoundsInput({ place }: { place: string }) {
  const { schema, onSchema } = useEditing()
  const found = valueAt(schema, place)
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return null
  const node = found as Record<string, unknown>
  const set = (member: string, value: unknown) => {
    const { [member]: _, ...others } = node
    onSchema(withNode(schema, steps(place), value === undefined ? others : { ...node, [member]: value }))
  }
  const bound = (member: string, label: string) => (
    <TextField
      label={label}
      type="number"
      step="any"
      value={typeof node[member] === 'number' ? node[member] : ''}
      onChange={(event) => set(member, event.target.value === '' ? undefined : Number(event.target.value))}
    />
  )
  const types = [node.type].flat()
  const exchange = (from: string, to: string) =>
    set('type', Array.isArray(node.type) ? types.map((type) => (type === from ? to : type)) : to)
  return (
    <div className="grid grid-cols-1 items-start gap-x-4 gap-y-3 @sm:grid-cols-2">
      {bound('minimum', t('At least'))}
      {bound('maximum', t('At most'))}
      <label className="flex min-h-10 items-center gap-2">
        <input
          type="checkbox"
          checked={types.includes('integer')}
          onChange={(event) => (event.target.checked ? exchange('number', 'integer') : exchange('integer', 'number'))}
        />
        {t('Whole numbers only')}
      </label>
    </div>
  )
}
