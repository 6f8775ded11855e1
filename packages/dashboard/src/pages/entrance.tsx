// The frame of the pages before sign-in.
import type { ReactNode } from 'react'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'

export function Entrance({ title, children }: { title: string; children: ReactNode }) {
  useTitle(title)
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-md flex-col justify-center gap-6 px-4 py-10">
      <div className="flex items-center gap-3">
        <img src="/favicon.svg" alt="" width="36" height="36" />
        <p className="text-xl font-semibold tracking-tight">{t('Countersign')}</p>
      </div>
      <div className="card flex flex-col gap-5 p-6">
        <h1 className="text-lg font-semibold">{title}</h1>
        {children}
      </div>
      <p className="text-sm text-muted">{t('An agent asks; policy decides; a human countersigns what matters.')}</p>
    </main>
  )
}

/** The one-time token of a link stands in the fragment, where no log sees it; a link without one leads nowhere. */
export const fragmentToken = (): string => location.hash.replace(/^#(token=)?/, '')
