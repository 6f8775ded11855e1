// Beginning a connection: the provider, how to connect, for whom; then the page behind the connect link does the rest. No secret is typed in here.
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { type Method, methodWord } from './frame.tsx'

type Param = { pattern?: string; values?: string[]; derive?: unknown; default?: string }

export function NewConnection({ wanted }: { wanted: string | null }) {
  const me = useUser()
  const providers = useQuery({
    queryKey: ['providers', 'names'],
    queryFn: () => api.call('GET /providers', { query: { limit: 200 } }),
    staleTime: 60_000,
  })
  const [provider, setProvider] = useState(wanted ?? '')
  const [method, setMethod] = useState<Method | ''>('')
  const [name, setName] = useState('')
  const [shared, setShared] = useState(false)
  const [params, setParams] = useState<Record<string, string>>({})
  const detail = useQuery({
    queryKey: ['providers', 'one', provider],
    queryFn: () => api.call('GET /providers/:name', { params: { name: provider } }),
    enabled: provider !== '',
  })
  const start = useMutation({
    mutationFn: () =>
      api.call('POST /authorizations', {
        body: {
          provider,
          ...(method ? { method } : {}),
          ...(name.trim() ? { name: name.trim() } : {}),
          ...(shared ? { shared } : {}),
          ...(Object.keys(given).length > 0 ? { params: given } : {}),
        },
      }),
    // The token stands in the fragment of the address: it is in no request line.
    onSuccess: ({ connect_url, authorization_id }) => location.assign(connect_url ?? `/connect/${authorization_id}`),
  })
  const given = Object.fromEntries(Object.entries(params).filter(([, value]) => value.trim() !== ''))
  const rows = (providers.data?.data ?? []).filter(({ in_force }) => in_force)
  const chosen = rows.find((one) => one.name === provider)
  const asked = Object.entries((detail.data?.definition?.params ?? {}) as Record<string, Param>).filter(
    ([, param]) => param.derive === undefined,
  )
  const { beside, rest } = placeErrors(start.error, ['/provider', '/method', '/name', ...asked.map(([key]) => `/params/${key}`)])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    start.mutate()
  }
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
      {beside.size === 0 && <Refusal error={start.error} placed={{ beside, rest }} />}
      <Refusal error={providers.error} />
      <SelectField
        label={t('Provider')}
        value={provider}
        options={[
          { value: '', label: t('choose one') },
          ...rows.map((one) => ({
            value: one.name,
            label: one.verified_on ? one.display_name : t('{name} (not verified)', { name: one.display_name }),
          })),
        ]}
        onChange={(event) => {
          setProvider(event.target.value)
          setMethod('')
          setParams({})
        }}
      />
      {chosen?.state === 'available' && (
        <Banner tone="warning">
          {rich('This provider wants to know us first: register a client there, and <link>enter it here</link>.', {
            link: (words) => (
              <Link href={paths.provider(chosen.name)} className="underline underline-offset-4">
                {words}
              </Link>
            ),
          })}
        </Banner>
      )}
      {chosen && chosen.methods.length > 1 && (
        <SelectField
          label={t('How')}
          value={method}
          options={[
            { value: '', label: t('the best that is possible') },
            ...chosen.methods.map((value) => ({ value, label: methodWord(value) })),
          ]}
          onChange={(event) => setMethod(event.target.value as Method | '')}
        />
      )}
      {asked.map(([key, param]) =>
        param.values ? (
          <SelectField
            key={key}
            label={key}
            value={params[key] ?? param.default ?? ''}
            options={param.values.map((value) => ({ value, label: value }))}
            onChange={(event) => setParams({ ...params, [key]: event.target.value })}
          />
        ) : (
          <TextField
            key={key}
            label={key}
            placeholder={param.default ?? ''}
            value={params[key] ?? ''}
            error={beside.get(`/params/${key}`)}
            onChange={(event) => setParams({ ...params, [key]: event.target.value })}
          />
        ),
      )}
      {chosen && (
        <>
          <TextField
            label={t('Name')}
            hint={t('“default”, unless you have several of one provider.')}
            placeholder="default"
            value={name}
            error={beside.get('/name')}
            onChange={(event) => setName(event.target.value)}
          />
          <label className="flex items-center gap-2">
            <input type="checkbox" className="size-4" checked={shared} onChange={(event) => setShared(event.target.checked)} />
            {t('For everybody in this tenant')}
          </label>
        </>
      )}
      <div>
        <Button
          type="submit"
          tone="primary"
          busy={start.isPending}
          reason={provider === '' ? t('Choose a provider.') : closedTo(me, 'connection.create', t('make connections'))}
        >
          {t('Go on')}
        </Button>
      </div>
    </form>
  )
}
