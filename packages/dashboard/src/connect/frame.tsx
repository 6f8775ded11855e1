// What every connect page has around it: who asks, for whom, and for what, before anything can be typed or clicked.
import type { ReactNode } from 'react'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { AgentText } from '../ui/content.tsx'
import type { View } from './connect.ts'

export function Frame({ title, children }: { title: string; children: ReactNode }) {
  useTitle(title)
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-lg flex-col justify-center gap-6 px-4 py-10">
      <div className="flex items-center gap-3">
        <img src="/favicon.svg" alt="" width="28" height="28" />
        <p className="text-lg font-semibold tracking-tight">{t('Countersign')}</p>
      </div>
      <section className="card flex flex-col gap-5 p-6" aria-labelledby="connect-title">
        <h1 id="connect-title" className="text-xl font-semibold tracking-tight">
          {title}
        </h1>
        {children}
      </section>
      <p className="text-sm text-muted">{t('What you enter is sealed here, and no agent ever sees it.')}</p>
    </main>
  )
}

export function Facts({ view }: { view: View }) {
  const { provider, owner, asked_by, connection_name, scopes } = view
  return (
    <>
      {provider.description && <p className="text-muted">{provider.description}</p>}
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 text-sm">
        <dt className="text-muted">{t('For')}</dt>
        <dd>{owner === null ? t('everybody in your organisation who is given it') : <AgentText text={owner} />}</dd>
        {asked_by !== null && (
          <>
            <dt className="text-muted">{t('Asked by')}</dt>
            <dd>{rich('the agent {askedBy}', { askedBy: <AgentText text={asked_by} /> })}</dd>
          </>
        )}
        <dt className="text-muted">{t('Stored as')}</dt>
        <dd className="font-mono">
          {provider.name}:{connection_name}
        </dd>
        <dt className="text-muted">{t('Used at')}</dt>
        <dd className="font-mono wrap-anywhere">{provider.hosts.join(', ')}</dd>
        {provider.docs_url && (
          <>
            <dt className="text-muted">{t('Help')}</dt>
            <dd>
              <a className="underline" href={provider.docs_url} rel="noreferrer noopener" target="_blank">
                {t('{name} documentation', { name: provider.display_name })}
              </a>
            </dd>
          </>
        )}
      </dl>
      {scopes.length > 0 && (
        <div className="flex flex-col gap-2">
          <h2 className="text-sm font-semibold">{t('What is asked for')}</h2>
          <ul className="flex flex-col gap-1.5 text-sm">
            {scopes.map(({ name, says }) => (
              <li key={name} className="rounded-lg border border-line bg-sunken px-3 py-2">
                {says ?? <span className="font-mono">{name}</span>}
                {says && <span className="ml-2 font-mono text-muted">{name}</span>}
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  )
}
