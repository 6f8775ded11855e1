// Every address of the dashboard, built in one place.
export const paths = {
  setup: () => '/setup',
  signIn: () => '/login',
  invite: () => '/invite',
  inbox: (view?: string) => (view ? `/inbox?view=${view}` : '/inbox'),
  task: (id: string) => `/tasks/${encodeURIComponent(id)}`,
  agents: () => '/agents',
  profile: () => '/profile',
}
