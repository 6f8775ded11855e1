// A password that somebody chooses, typed twice: nobody can read it back to them. Whether it is good is the server's judgement.
import { Problem } from '@countersign/sdk'
import { useState } from 'react'
import { type Placed, speak } from '../problem.ts'
import { t } from '../text/t.ts'
import { TextField } from './text-field.tsx'

const EMPTY = { password: '', again: '' }

export function useNewPassword(label = t('Password')) {
  const [value, setValue] = useState(EMPTY)
  const [differs, setDiffers] = useState(false)

  /** Whether both are the same; says so beside the second if not. */
  const agree = (): boolean => {
    setDiffers(value.password !== value.again)
    return value.password === value.again
  }
  const field = (member: keyof typeof EMPTY) => ({
    type: 'password',
    autoComplete: 'new-password',
    value: value[member],
    onChange: (event: { target: { value: string } }) => setValue({ ...value, [member]: event.target.value }),
  })
  const fields = (error: string | undefined) => (
    <>
      <TextField
        label={label}
        hint={t('15 characters or more. A few unrelated words work well; pasting is fine.')}
        error={error}
        {...field('password')}
      />
      <TextField
        label={t('{label} again', { label })}
        error={differs ? t('The two passwords differ.') : undefined}
        {...field('again')}
      />
    </>
  )
  return { password: value.password, agree, fields, clear: () => setValue(EMPTY) }
}

/** What the server has against a chosen password. */
export const passwordError = (error: unknown, placed: Placed): string | undefined =>
  placed.beside.get('/password') ??
  (error instanceof Problem && error.code === 'password_refused' ? speak(error).text : undefined)
