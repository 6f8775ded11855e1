// Which page stands at which address, and who may see it: without a session every page but set-up, sign-in and invitation leads to sign-in and back.
import { useEffect } from 'react'
import { Redirect, Route, Switch, useLocation } from 'wouter'
import { useMe, useSetup } from './me.ts'
import { AgentsPage } from './pages/agents-page.tsx'
import { InboxPage } from './pages/inbox-page.tsx'
import { InvitePage } from './pages/invite-page.tsx'
import { ProfilePage } from './pages/profile-page.tsx'
import { SetupPage } from './pages/setup-page.tsx'
import { SignInPage } from './pages/sign-in-page.tsx'
import { TaskPage } from './pages/task-page.tsx'
import { paths } from './paths.ts'
import { speak } from './problem.ts'
import { Shell } from './shell.tsx'
import { Banner } from './ui/banner.tsx'

export function App() {
  return (
    <Switch>
      <Route path="/setup" component={SetupPage} />
      <Route path="/login" component={SignInPage} />
      <Route path="/invite" component={InvitePage} />
      <Route>
        <SignedIn />
      </Route>
    </Switch>
  )
}

function SignedIn() {
  const me = useMe()
  const setup = useSetup(me.data === null)
  const [location] = useLocation()

  useEffect(() => {
    document.title = 'Countersign'
  }, [])

  if (me.isPending || (me.data === null && setup.isPending)) return <p className="p-8 text-muted">Loading…</p>
  if (me.isError)
    return (
      <main className="mx-auto max-w-xl p-8">
        <Banner tone="error">{speak(me.error).text}</Banner>
      </main>
    )
  if (me.data === null)
    return (
      <Redirect to={setup.data?.needs_setup ? paths.setup() : `${paths.signIn()}?to=${encodeURIComponent(location)}`} replace />
    )
  const user = me.data
  return (
    <Shell me={user}>
      <Switch>
        <Route path="/">
          <Redirect to={paths.inbox()} replace />
        </Route>
        <Route path="/inbox">
          <InboxPage />
        </Route>
        <Route path="/tasks/:id">{({ id }) => <TaskPage id={id} />}</Route>
        <Route path="/agents">
          <AgentsPage />
        </Route>
        <Route path="/profile">
          <ProfilePage me={user} />
        </Route>
        <Route>
          <h1 className="text-xl font-semibold">Nothing here</h1>
          <p className="mt-2 text-muted">The address leads nowhere. The inbox is one click away.</p>
        </Route>
      </Switch>
    </Shell>
  )
}
