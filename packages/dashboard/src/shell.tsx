// The frame around every signed-in page: where one is, who one is, and the keys that lead elsewhere. It shows no data of its own.
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { type Me, useSignOut } from './me.ts'
import { paths } from './paths.ts'
import { Button } from './ui/button.tsx'
import { Dialog } from './ui/dialog.tsx'

const PLACES = [
  { name: 'Inbox', path: paths.inbox(), keys: 'g i' },
  { name: 'Agents', path: paths.agents(), keys: 'g a' },
  { name: 'Profile', path: paths.profile(), keys: 'g p' },
]

export function Shell({ me, children }: { me: Me; children: ReactNode }) {
  const [location, go] = useLocation()
  const [help, setHelp] = useState(false)
  const signOut = useSignOut()
  useKeys({ gi: () => go(paths.inbox()), ga: () => go(paths.agents()), gp: () => go(paths.profile()), '?': () => setHelp(true) })

  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:left-2 focus:top-2 focus:z-10 focus:rounded-lg focus:bg-raised focus:p-3"
      >
        Skip to content
      </a>
      <header className="border-b border-line bg-raised">
        <div className="mx-auto flex max-w-5xl flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2">
          <Link href={paths.inbox()} className="flex items-center gap-2 text-lg font-semibold tracking-tight">
            <img src="/favicon.svg" alt="" width="26" height="26" />
            Countersign
          </Link>
          <nav aria-label="Main" className="order-last flex w-full gap-1 sm:order-none sm:w-auto sm:grow">
            {PLACES.map((place) => (
              <Link
                key={place.path}
                href={place.path}
                aria-current={location.startsWith(place.path) ? 'page' : undefined}
                className="rounded-lg px-3 py-2 text-muted hover:bg-sunken hover:text-text aria-[current]:bg-accent-soft aria-[current]:font-medium aria-[current]:text-text"
              >
                {place.name}
              </Link>
            ))}
          </nav>
          <div className="ml-auto flex items-center gap-2">
            <span className="hidden text-sm text-muted md:inline">
              {me.display_name} · {me.role}
            </span>
            <Button tone="quiet" onClick={() => signOut.mutate()}>
              Sign out
            </Button>
          </div>
        </div>
      </header>
      <main id="main" tabIndex={-1} className="mx-auto w-full max-w-5xl grow px-4 py-6 outline-none">
        {children}
      </main>
      <Dialog open={help} onClose={() => setHelp(false)} title="Keys">
        <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2">
          {[
            ['j, k', 'next and previous task in the inbox'],
            ['Enter', 'open the selected task'],
            ['c', 'claim the open task'],
            ...PLACES.map((place) => [place.keys, `go to ${place.name.toLowerCase()}`]),
            ['?', 'this list'],
          ].map(([keys, what]) => (
            <div key={keys} className="contents">
              <dt>
                <kbd className="rounded border border-line-strong bg-sunken px-2 py-0.5 font-mono text-sm">{keys}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </Dialog>
    </div>
  )
}

/** Runs an act when its keys are typed outside of inputs; sequences such as `g i` within one second. */
export function useKeys(acts: Readonly<Record<string, () => void>>) {
  const latest = useRef(acts)
  latest.current = acts
  useEffect(() => {
    let typed = ''
    let at = 0
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement
      if (event.ctrlKey || event.metaKey || event.altKey || event.key.length > 1) return
      if (target.closest('input, textarea, select, dialog, [contenteditable]')) return
      typed = event.timeStamp - at < 1000 ? typed + event.key : event.key
      at = event.timeStamp
      const act = latest.current[typed] ?? latest.current[event.key]
      if (!act) return
      event.preventDefault()
      typed = ''
      act()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
}
