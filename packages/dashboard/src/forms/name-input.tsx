// Under which name an answer holds the value. It counts once it is left, so that no half of a name ever stands in the schema; an empty one leaves the last, and one that another has
// never counts: two fields would write over each other.
import { useEffect, useState } from 'react'
import { t } from '../text/t.ts'
import { TextField } from '../ui/text-field.tsx'
import { useEditing } from './context.ts'
import { asText, type Raw } from './kinds.ts'

type Props = { item: Raw; at: string; taken: readonly string[]; onChange: (item: Raw) => void }

export function NameInput({ item, at, taken, onChange }: Props) {
  const { wrong } = useEditing()
  const name = asText(item.name)
  const [text, setText] = useState(name)
  const [refused, setRefused] = useState(false)
  useEffect(() => setText(name), [name])
  const commit = () => {
    if (text.trim() === '' || text === name) setText(name)
    else if (taken.includes(text.trim())) setRefused(true)
    else onChange({ ...item, name: text.trim() })
  }
  return (
    <TextField
      label={t('Name in the answer')}
      value={text}
      maxLength={200}
      spellCheck={false}
      error={refused ? t('Another field has this name.') : (wrong(`${at}/name`) ?? wrong(`${at}/path`))}
      onChange={(event) => {
        setText(event.target.value)
        setRefused(false)
      }}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key !== 'Enter') return
        event.preventDefault()
        commit()
      }}
    />
  )
}
