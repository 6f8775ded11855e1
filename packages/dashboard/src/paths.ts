// Every address of the dashboard, built in one place.
export const paths = {
  setup: () => '/setup',
  signIn: (to?: string) => (to ? `/login?to=${encodeURIComponent(to)}` : '/login'),
  invite: () => '/invite',
  inbox: (view?: string) => (view ? `/inbox?view=${view}` : '/inbox'),
  task: (id: string) => `/tasks/${encodeURIComponent(id)}`,
  agents: () => '/agents',
  people: () => '/people',
  profile: () => '/profile',
}

/** P39: where sign-in leads back to. `//x`, `/\x` and anything that is not a plain path of this site lead to the inbox. */
export const safeReturn = (to: string | null): string =>
  to && /^\/(?![/\\])[\w\-/?=&.%]*$/.test(to) && !/%(2f|5c|0|1)/i.test(to) ? to : paths.inbox()
