// Inputs that one types into: lines, paragraphs, Markdown, JSON.
import type { Draft, FieldOf } from '@countersign/sdk/form'
import { useState } from 'react'
import { Markdown } from '../content/markdown.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { INPUT } from '../ui/text-field.tsx'
import { Labelled, useInput } from './around.tsx'

export type InputProps<F> = { field: F; path: string; draft: Draft; onChange: (draft: Draft) => void }
export const textOf = (draft: Draft): string => (typeof draft === 'string' ? draft : '')

const TYPES = {
  plain: 'text',
  email: 'email',
  url: 'url',
  phone: 'tel',
  currency: 'text',
  number: 'text',
  password: 'password',
} as const

export function ShortText({ field, path, draft, onChange }: InputProps<FieldOf<'short_text'>>) {
  const { id, error, common } = useInput({ field, path })
  const numeric = field.subtype === 'number' || field.subtype === 'currency'
  const input = (
    <input
      {...common}
      // Not type=number: it swallows what it does not understand, and a person should see what they typed.
      type={TYPES[field.subtype]}
      inputMode={numeric ? 'decimal' : undefined}
      autoComplete={field.subtype === 'password' ? 'new-password' : 'off'}
      placeholder={field.placeholder}
      value={textOf(draft)}
      className={INPUT}
      onChange={(event) => onChange(event.target.value)}
    />
  )
  return (
    <Labelled field={field} path={path} id={id} error={error}>
      {field.subtype === 'currency' && field.currency_code ? (
        <div className="flex items-center gap-2">
          {input}
          <span className="text-muted">{field.currency_code}</span>
        </div>
      ) : (
        input
      )}
      <Room text={textOf(draft)} most={field.max_length} />
    </Labelled>
  )
}

export function LongText({ field, path, draft, onChange }: InputProps<FieldOf<'long_text'>>) {
  const { id, error, common } = useInput({ field, path })
  return (
    <Labelled field={field} path={path} id={id} error={error}>
      <textarea
        {...common}
        rows={field.rows ?? 4}
        placeholder={field.placeholder}
        value={textOf(draft)}
        className={INPUT}
        onChange={(event) => onChange(event.target.value)}
      />
      <Room text={textOf(draft)} most={field.max_length} />
    </Labelled>
  )
}

export function RichText({ field, path, draft, onChange }: InputProps<FieldOf<'rich_text'>>) {
  const { id, error, common } = useInput({ field, path })
  const [preview, setPreview] = useState(false)
  return (
    <Labelled field={field} path={path} id={id} error={error}>
      {preview ? (
        <div className="min-h-28 rounded-lg border border-line bg-sunken px-3 py-2">
          <Markdown text={textOf(draft)} />
        </div>
      ) : (
        <textarea
          {...common}
          rows={6}
          placeholder={field.placeholder}
          value={textOf(draft)}
          className={INPUT}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      <div className="flex flex-wrap items-center justify-between gap-2 text-sm text-muted">
        <span>{t('Markdown: **bold**, *italic*, - lists, [links](https://…).')}</span>
        <Button
          small
          tone="quiet"
          aria-label={preview ? t('Write {field}', { field: field.label }) : t('Preview {field}', { field: field.label })}
          onClick={() => setPreview(!preview)}
        >
          {preview ? t('Write') : t('Preview')}
        </Button>
      </div>
      <Room text={textOf(draft)} most={field.max_length} />
    </Labelled>
  )
}

export function JsonText({ field, path, draft, onChange }: InputProps<FieldOf<'json'>>) {
  const { id, error, common } = useInput({ field, path })
  return (
    <Labelled field={field} path={path} id={id} error={error}>
      <textarea
        {...common}
        rows={6}
        spellCheck={false}
        placeholder="{ }"
        value={textOf(draft)}
        className={`${INPUT} font-mono text-sm`}
        onChange={(event) => onChange(event.target.value)}
      />
    </Labelled>
  )
}

/** How much room is left, once there is little. */
function Room({ text, most }: { text: string; most: number | undefined }) {
  const left = most === undefined ? Number.POSITIVE_INFINITY : most - [...text].length
  if (text === '' || left > Math.max(20, (most ?? 0) / 5)) return null
  return (
    <p className="text-sm text-muted tabular-nums">
      {left < 0 ? t('{left} too many', { left: -left }) : t('{left} left', { left })}
    </p>
  )
}
