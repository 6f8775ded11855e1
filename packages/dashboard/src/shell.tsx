// The frame around every signed-in page: where one is, who one is, and the keys that lead elsewhere. It shows no data of its own.
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { KeysHelp } from './keyboard/help.tsx'
import { useKeys } from './keyboard/keys.ts'
import { LiveTasks } from './live.tsx'
import { useSignOut, useUser } from './me.ts'
import { paths } from './paths.ts'
import { TenantNotice } from './tenants/notice.tsx'
import { TenantSwitch } from './tenants/switch.tsx'
import { t } from './text/t.ts'
import { wireWord } from './text/wire.ts'
import { Button } from './ui/button.tsx'

/** `for`: shown to whom this act is open; `dev`: where `countersign dev` serves. */
type Place = { name: string; path: string; keys: string; also?: string[]; for?: string; dev?: true }

const GROUPS: { name: string; places: Place[] }[] = [
  {
    name: t('Work'),
    places: [
      { name: t('Inbox'), path: paths.inbox(), keys: 'g i', also: ['/tasks/'] },
      { name: t('Analytics'), path: paths.analytics(), keys: 'g y' },
      {
        name: t('Queue'),
        path: paths.queue(),
        keys: 'g q',
        also: [paths.jobs(), paths.kinds(), paths.schedules(), paths.deadLetters(), paths.callbacks(), paths.engine()],
      },
      { name: t('Agents'), path: paths.agents(), keys: 'g a' },
    ],
  },
  {
    name: t('Vault'),
    places: [
      { name: t('Connections'), path: paths.connections(), keys: 'g c', for: 'connection.read' },
      { name: t('Providers'), path: paths.providers(), keys: 'g b', also: ['/define'], for: 'connection.read' },
      { name: t('Grants'), path: paths.grants(), keys: 'g e', for: 'grant.read' },
      { name: t('Traffic'), path: paths.traffic(), keys: 'g x', for: 'proxy.read' },
      { name: t('Health'), path: paths.vault(), keys: 'g h', for: 'vault.read' },
    ],
  },
  {
    name: t('Relay'),
    places: [
      { name: t('Threads'), path: paths.threads(), keys: 'g j', also: [paths.undelivered()], for: 'thread.list' },
      {
        name: t('Relay grants'),
        path: paths.relayGrants(),
        keys: 'g g',
        also: [paths.connectionRequests()],
        for: 'relay_grant.read',
      },
      { name: t('Cards'), path: paths.cards(), keys: 'g z', also: [paths.listing()], for: 'card.read' },
    ],
  },
  {
    name: t('Control'),
    places: [
      { name: t('Policies'), path: paths.policies(), keys: 'g o' },
      { name: t('Forms'), path: paths.forms(), keys: 'g f', for: 'task.configure' },
      { name: t('Verifiers'), path: paths.verifiers(), keys: 'g v', for: 'task.configure' },
      { name: t('Webhooks'), path: paths.webhooks(), keys: 'g w', also: ['/deliveries/'] },
      { name: t('Audit'), path: paths.audit(), keys: 'g r' },
    ],
  },
  {
    name: t('Organisation'),
    places: [
      { name: t('People'), path: paths.people(), keys: 'g p' },
      { name: t('Routing'), path: paths.routing(), keys: 'g u', for: 'task.route' },
      { name: t('Channels'), path: paths.channels(), keys: 'g l', for: 'task.route' },
      { name: t('Tenant'), path: paths.tenant(), keys: 'g n' },
      { name: t('Profile'), path: paths.profile(), keys: 'g m' },
    ],
  },
  {
    name: t('Host'),
    places: [
      { name: t('Tenants'), path: paths.tenants(), keys: 'g t', for: 'tenant.list' },
      { name: t('Installation'), path: paths.installation(), keys: 'g s', for: 'incident.manage' },
      { name: t('Key ring'), path: paths.keyring(), keys: 'g k', for: 'keyring.read' },
    ],
  },
  { name: t('Development'), places: [{ name: t('Desk'), path: paths.dev(), keys: 'g d', for: 'task.configure', dev: true }] },
]
const PLACES = GROUPS.flatMap(({ places }) => places)

export function Shell({ children }: { children: ReactNode }) {
  const me = useUser()
  const [location, go] = useLocation()
  const [help, setHelp] = useState(false)
  const signOut = useSignOut()
  const main = useFocusOnArrival(location)
  const nav = useHereInSight(location)
  const isOpen = (place: Place) =>
    (place.for === undefined || Object.hasOwn(me.may, place.for)) && (place.dev === undefined || me.dev === true)
  const leads = Object.fromEntries(PLACES.filter(isOpen).map((place) => [place.keys.replace(' ', ''), () => go(place.path)]))
  useKeys({ ...leads, '?': () => setHelp(true) })
  const isHere = (place: Place) => [place.path, ...(place.also ?? [])].some((path) => location.startsWith(path))

  return (
    <div className="flex min-h-dvh flex-col lg:grid lg:grid-cols-[13.5rem_minmax(0,1fr)]">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:left-2 focus:top-2 focus:z-10 focus:rounded-lg focus:bg-raised focus:p-3"
      >
        {t('Skip to content')}
      </a>
      <header className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line bg-raised px-4 py-2 lg:sticky lg:top-0 lg:h-dvh lg:flex-col lg:flex-nowrap lg:items-stretch lg:gap-y-5 lg:border-r lg:border-b-0 lg:px-3 lg:py-5">
        <Link href={paths.inbox()} className="flex items-center gap-2 text-lg font-semibold tracking-tight lg:px-3">
          <img src="/favicon.svg" alt="" width="26" height="26" />
          {t('Countersign')}
        </Link>
        <nav
          aria-label={t('Main')}
          ref={nav}
          className="order-last -mx-4 flex w-[calc(100%+2rem)] gap-1 overflow-x-auto px-2 py-0.5 [scrollbar-width:none] sm:flex-wrap lg:order-none lg:mx-0 lg:min-h-0 lg:w-auto lg:grow lg:flex-col lg:flex-nowrap lg:gap-5 lg:overflow-y-auto lg:px-0 lg:[scrollbar-width:auto]"
        >
          {GROUPS.filter(({ places }) => places.some(isOpen)).map(({ name, places }) => (
            // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms
            <div key={name} role="group" aria-label={name} className="contents lg:flex lg:flex-col lg:gap-0.5">
              <p aria-hidden="true" className="hidden px-3 pb-1 text-xs font-medium tracking-wide text-muted lg:block">
                {name}
              </p>
              {places.filter(isOpen).map((place) => (
                <Link
                  key={place.path}
                  href={place.path}
                  aria-current={isHere(place) ? 'page' : undefined}
                  className="shrink-0 rounded-lg px-2.5 py-1.5 text-muted hover:bg-sunken hover:text-text aria-[current]:bg-accent-soft aria-[current]:font-medium aria-[current]:text-text lg:px-3"
                >
                  {place.name}
                </Link>
              ))}
            </div>
          ))}
        </nav>
        <div className="-mr-3 ml-auto flex items-center gap-1 lg:mx-0 lg:flex-col lg:items-stretch">
          <Link
            href={paths.tenant()}
            className="hidden max-w-52 truncate text-sm text-muted hover:text-text md:inline lg:px-3 lg:py-1.5"
          >
            {me.display_name} · {me.break_glass ? t('reading') : wireWord(me.role ?? '')}
          </Link>
          <TenantSwitch />
          <span className="hidden md:contents">
            <Button tone="quiet" small className="lg:justify-start" onClick={() => setHelp(true)}>
              {t('Keyboard')}
            </Button>
          </span>
          <Button tone="quiet" small className="lg:justify-start" busy={signOut.isPending} onClick={() => signOut.mutate()}>
            {t('Sign out')}
          </Button>
        </div>
      </header>
      <div className="flex min-w-0 grow flex-col">
        <TenantNotice />
        <LiveTasks may={Object.hasOwn(me.may, 'task.stream')}>
          <main id="main" ref={main} tabIndex={-1} className="mx-auto w-full max-w-5xl grow px-4 py-6 outline-none">
            {children}
          </main>
        </LiveTasks>
      </div>
      <KeysHelp
        open={help}
        onClose={() => setHelp(false)}
        places={PLACES.filter(isOpen).map((place) => [place.keys, t('go to {name}', { name: place.name.toLowerCase() })])}
      />
    </div>
  )
}

/** A new page takes the focus, as it would if the browser had loaded it; the first one leaves it where it is. */
function useFocusOnArrival(location: string) {
  const main = useRef<HTMLElement>(null)
  const came = useRef(location)
  useEffect(() => {
    if (came.current === location) return
    came.current = location
    // A page that knows better has taken it already.
    if (!main.current?.contains(document.activeElement)) main.current?.focus()
  }, [location])
  return main
}

/** On a phone the places stand in one line that is longer than the window: where one is, is seen. */
function useHereInSight(location: string) {
  const nav = useRef<HTMLElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: each place is another one to show
  useEffect(() => {
    const here = nav.current?.querySelector<HTMLElement>('[aria-current]')
    // Sideways alone: a page that is opened further down stays there.
    if (nav.current && here) nav.current.scrollLeft = here.offsetLeft - (nav.current.clientWidth - here.clientWidth) / 2
  }, [location])
  return nav
}
