// A definition of one's own, or a change of one: JSON with comments, held against the server's rules while it is typed, and proposed. It acts once approved.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useEffect, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'

const BLANK = `{
  // What agents may reach with a credential of this provider, and how the credential is put in.
  "schema": 1,
  "name": "example",
  "kind": "custom",
  "display_name": "Example",
  "hosts": [{ "host": "api.example.com" }],
  "methods": ["api_key"],
  "api_key": { "fields": [{ "name": "api_key", "label": "API key", "secret": true }] },
  "inject": [{ "where": "header", "name": "authorization", "template": "Bearer {{api_key}}" }],
  "env": { "EXAMPLE_API_KEY": "api_key" },
}
`
const SETTLED_MS = 400

export function NewProviderPage({ name }: { name: string | null }) {
  const present = useQuery({
    queryKey: ['providers', 'one', name],
    queryFn: () => api.call('GET /providers/:name', { params: { name: name as string } }),
    enabled: name !== null,
  })
  useTitle(t('Definition'))
  return (
    <div className="flex flex-col gap-5">
      <Link
        href={name === null ? paths.providers() : paths.provider(name)}
        className="self-start text-muted hover:text-text hover:underline"
      >
        {name === null ? t('← Providers') : `← ${name}`}
      </Link>
      <PageTitle title={name === null ? t('Define a provider') : t('Change {name}', { name })} />
      <Refusal error={present.error} />
      {name !== null && present.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {(name === null || present.data) && (
        <Editor name={name} source={present.data?.source ?? BLANK} bundled={present.data?.provider?.bundled ?? false} />
      )}
    </div>
  )
}

function Editor({ name, source: first, bundled }: { name: string | null; source: string; bundled: boolean }) {
  const me = useUser()
  const [, go] = useLocation()
  const queries = useQueryClient()
  const [source, setSource] = useState(first)
  const [reason, setReason] = useState('')
  const settled = useSettled(source)
  const check = useQuery({
    queryKey: ['providers', 'check', settled],
    queryFn: () => api.call('POST /providers/check', { body: { source: settled } }),
    retry: false,
    placeholderData: (before) => before,
  })
  const propose = useMutation({
    mutationFn: () => {
      const body = { source, ...(reason.trim() ? { reason: reason.trim() } : {}), ...(bundled ? { override: true } : {}) }
      return name === null ? api.call('POST /providers', { body }) : api.call('PUT /providers/:name', { params: { name }, body })
    },
    onSuccess: (version) => {
      void queries.invalidateQueries({ queryKey: ['providers'] })
      go(paths.provider(version.provider))
    },
  })
  const faults = placeErrors(check.error, []).rest
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    propose.mutate()
  }
  return (
    <form onSubmit={onSubmit} noValidate className="grid items-start gap-5 lg:grid-cols-[3fr_2fr]">
      <div className="flex flex-col gap-4">
        <TextArea
          label={t('Definition')}
          hint={t('JSON, with comments and trailing commas.')}
          mono
          rows={26}
          value={source}
          onChange={(event) => setSource(event.target.value)}
        />
        <TextField label={t('Why')} value={reason} onChange={(event) => setReason(event.target.value)} />
        <Refusal error={propose.error} placed={placeErrors(propose.error, [])} />
        <div>
          <Button
            type="submit"
            tone="primary"
            busy={propose.isPending}
            reason={
              closedTo(me, 'provider.propose', t('propose providers')) ??
              (check.error ? t('The definition has faults; they stand beside it.') : undefined)
            }
          >
            {t('Propose it')}
          </Button>
        </div>
      </div>
      <Card title={t('The server’s check')}>
        <div role="status" className="flex flex-col gap-3">
          {check.isPending && <p className="text-muted">{t('Loading…')}</p>}
          {check.error && faults.length === 0 && <Refusal error={check.error} />}
          {faults.length > 0 && (
            <ul className="flex flex-col gap-2">
              {faults.map((fault) => (
                <li key={fault}>
                  <Banner tone="error">{visible(fault)}</Banner>
                </li>
              ))}
            </ul>
          )}
          {!check.error && check.data && (
            <>
              <p>{t('It passes. It acts once somebody else approves exactly this version.')}</p>
              {bundled && <Banner tone="warning">{t('It will stand in place of the shipped definition of this name.')}</Banner>}
              {check.data.warnings.map((warning) => (
                <Banner key={warning.path + warning.code} tone="warning">
                  {visible(`${warning.path}: ${warning.message}`)}
                </Banner>
              ))}
              <p className="font-mono text-xs text-muted wrap-anywhere">{check.data.digest}</p>
            </>
          )}
        </div>
      </Card>
    </form>
  )
}

/** What was typed, once nobody types any more. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLED_MS)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}
