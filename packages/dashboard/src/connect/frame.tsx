// What every connect page has around it: who asks, for whom, and for what, before anything can be typed or clicked.
import type { ReactNode } from 'react'
import { useTitle } from '../title.ts'
import { AgentText } from '../ui/content.tsx'
import type { View } from './connect.ts'

export function Frame({ title, children }: { title: string; children: ReactNode }) {
  useTitle(title)
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-lg flex-col justify-center gap-6 px-4 py-10">
      <div className="flex items-center gap-3">
        <img src="/favicon.svg" alt="" width="28" height="28" />
        <p className="text-lg font-semibold tracking-tight">Countersign</p>
      </div>
      <section className="card flex flex-col gap-5 p-6" aria-labelledby="connect-title">
        <h1 id="connect-title" className="text-xl font-semibold tracking-tight">
          {title}
        </h1>
        {children}
      </section>
      <p className="text-sm text-muted">What you enter is sealed here, and no agent ever sees it.</p>
    </main>
  )
}

export function Facts({ view }: { view: View }) {
  const { provider, owner, asked_by, connection_name, scopes } = view
  return (
    <>
      {provider.description && <p className="text-muted">{provider.description}</p>}
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 text-sm">
        <dt className="text-muted">For</dt>
        <dd>{owner === null ? 'everybody in your organisation who is given it' : <AgentText text={owner} />}</dd>
        {asked_by !== null && (
          <>
            <dt className="text-muted">Asked by</dt>
            <dd>
              the agent <AgentText text={asked_by} />
            </dd>
          </>
        )}
        <dt className="text-muted">Stored as</dt>
        <dd className="font-mono">
          {provider.name}:{connection_name}
        </dd>
        <dt className="text-muted">Used at</dt>
        <dd className="font-mono wrap-anywhere">{provider.hosts.join(', ')}</dd>
        {provider.docs_url && (
          <>
            <dt className="text-muted">Help</dt>
            <dd>
              <a className="underline" href={provider.docs_url} rel="noreferrer noopener" target="_blank">
                {provider.display_name} documentation
              </a>
            </dd>
          </>
        )}
      </dl>
      {scopes.length > 0 && (
        <div className="flex flex-col gap-2">
          <h2 className="text-sm font-semibold">What is asked for</h2>
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
