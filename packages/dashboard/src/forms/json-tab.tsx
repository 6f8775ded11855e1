// Schema and definition as text. What cannot be read yet stays as it was typed.

import { t } from '../text/t.ts'
import { TextArea } from '../ui/text-field.tsx'

export type Read = { value: Record<string, unknown> | null; error: string | undefined }

export function readObject(text: string, needed: boolean): Read {
  if (text.trim() === '') return { value: null, error: needed ? t('This is required.') : undefined }
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject
      ? { value: value as Record<string, unknown>, error: undefined }
      : { value: null, error: t('This must be an object.') }
  } catch (error) {
    if (error instanceof SyntaxError)
      return { value: null, error: t('This is not JSON yet: {message}.', { message: error.message }) }
    throw error
  }
}

export const written = (value: unknown): string => (value === null || value === undefined ? '' : JSON.stringify(value, null, 2))

type Texts = { schema: string; definition: string }
type Props = { texts: Texts; asked: Read; drawn: Read; onChange: (part: Partial<Texts>) => void }

export const JsonTab = ({ texts, asked, drawn, onChange }: Props) => (
  <>
    <TextArea
      label={t('Response schema')}
      hint={t('The type of the answer. Without a definition the form is made from it alone.')}
      rows={14}
      mono
      value={texts.schema}
      error={asked.error}
      onChange={(event) => onChange({ schema: event.target.value })}
    />
    <TextArea
      label={t('Form definition (may stay empty)')}
      rows={10}
      mono
      value={texts.definition}
      error={drawn.error}
      onChange={(event) => onChange({ definition: event.target.value })}
    />
  </>
)
