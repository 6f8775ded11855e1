// How mails leave a sender: the fields of each transport, and the settings that were typed. What is secret is typed and never shown.
import type { ChangeEvent } from 'react'
import type { FieldErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'

export type Settings = Record<(typeof NAMES)[number], string>

const NAMES = ['host', 'port', 'security', 'user', 'password', 'api_key', 'url', 'headers', 'template'] as const
export const NO_SETTINGS: Settings = {
  ...{ host: '', port: '', security: 'starttls', user: '', password: '', api_key: '', url: '', headers: '' },
  template: '{\n  "to": "{{to}}",\n  "subject": "{{subject}}",\n  "text": "{{text}}",\n  "html": "{{html}}"\n}',
}
export const PLACES: readonly string[] = NAMES.map((name) => `/settings/${name}`)

export const TRANSPORTS = [
  { value: 'smtp', label: t('a mail server (SMTP)') },
  { value: 'resend', label: t('Resend') },
  { value: 'http', label: t('another provider, by a request of its own form (HTTP)') },
  { value: 'file', label: t('files on the server') },
  { value: 'log', label: t('a line in the log') },
  { value: 'none', label: t('nothing: it sends no mail') },
]
const SECURITY = [
  { value: 'starttls', label: t('STARTTLS, or nothing is sent') },
  { value: 'tls', label: t('TLS from the start') },
  { value: 'none', label: t('none: for a relay beside the server') },
]

type Props = {
  transport: string
  typed: Settings
  errors: FieldErrors
  /** There is a secret already; an empty field keeps it. */
  kept: boolean
  onChange: (typed: Settings) => void
}

export function TransportFields({ transport, typed, errors, kept, onChange }: Props) {
  const field = (name: keyof Settings) => ({
    value: typed[name],
    error: errors.get(`/settings/${name}`),
    onChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => onChange({ ...typed, [name]: event.target.value }),
  })
  const secret = { type: 'password', autoComplete: 'off', ...(kept ? { hint: t('Empty: the one that is kept.') } : {}) } as const
  if (transport === 'smtp')
    return (
      <>
        <TextField label={t('Server')} placeholder={t('smtp.example.com')} {...field('host')} />
        <TextField label={t('Port')} hint={t('587, or 465 with TLS from the start.')} inputMode="numeric" {...field('port')} />
        <SelectField
          label={t('Encryption')}
          options={SECURITY}
          value={typed.security}
          onChange={(event) => onChange({ ...typed, security: event.target.value })}
        />
        <TextField label={t('User')} autoComplete="off" {...field('user')} />
        <TextField label={t('Password')} {...secret} {...field('password')} />
      </>
    )
  if (transport === 'resend') return <TextField label={t('API key')} {...secret} {...field('api_key')} />
  if (transport === 'http')
    return (
      <>
        <TextField label={t('Address')} type="url" placeholder={t('https://api.provider.example/send')} {...field('url')} />
        <TextArea
          label={t('Headers')}
          rows={3}
          mono
          hint={
            kept
              ? t('As JSON; sealed. Empty: those that are kept.')
              : t('As JSON; sealed: {sample}', { sample: '{"Authorization": "Bearer …"}' })
          }
          {...field('headers')}
        />
        <TextArea
          label={t('Body')}
          rows={7}
          mono
          hint={t('JSON in which {names} and others stand for the mail.', {
            names: '{{to}}, {{subject}}, {{text}}, {{html}}, {{from}}, {{message_id}}',
          })}
          {...field('template')}
        />
      </>
    )
  return null
}

/** As the API takes them: what was left empty is left out. JSON that is none goes as the text that it is, and the server says what is wrong with it. */
export function settingsOf(transport: string, typed: Settings): Record<string, unknown> {
  const given = (values: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''))
  const { host, port, security, user, password, api_key, url, headers, template } = typed
  if (transport === 'smtp') return given({ host, port: port === '' ? '' : Number(port), security, user, password })
  if (transport === 'resend') return given({ api_key })
  if (transport === 'http') return given({ url, headers: readJson(headers), template: readJson(template) })
  return {}
}

function readJson(text: string): unknown {
  if (text.trim() === '') return ''
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return text
    throw error
  }
}

/** Of a sender that is there, what may be shown. */
export const shownSettings = (settings: Record<string, unknown>): Settings => ({
  ...NO_SETTINGS,
  ...Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = settings[name]
      if (value === null || value === undefined) return []
      return [[name, typeof value === 'object' ? JSON.stringify(value, null, 2) : String(value)]]
    }),
  ),
})
