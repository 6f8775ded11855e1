// How far something is, as a bar. Beside it stands what it says in words: a bar alone says nothing to whoever cannot see it, and a short one little to anybody.
/** `value` null: nobody knows. */
type Props = { label: string; value: number | null; max: number; tone?: 'accent' | 'warn' }

export const Progress = ({ label, value, max, tone = 'accent' }: Props) => (
  <progress
    className={`progress ${tone === 'warn' ? 'text-warn' : 'text-accent'}`}
    aria-label={label}
    max={Math.max(1, max)}
    value={value === null ? undefined : Math.min(value, Math.max(1, max))}
  />
)
