// Which page stands at which address, and who may see it: without a session every page but set-up, sign-in and invitation leads to sign-in and back.
import { lazy, type ReactNode, Suspense } from 'react'
import { Redirect, Route, Switch, useLocation, useSearch } from 'wouter'
// Reads what stands behind the # of a claim link before anything leads elsewhere.
import './pages/arrived.ts'
import { SignedIn, useMe, useSetup } from './me.ts'
import { InboxPage } from './pages/inbox-page.tsx'
import { NowherePage } from './pages/nowhere-page.tsx'
import { SignInPage } from './pages/sign-in-page.tsx'
import { TaskPage } from './pages/task-page.tsx'
import { paths } from './paths.ts'
import { Shell } from './shell.tsx'
import { t } from './text/t.ts'
import { Refusal } from './ui/refusal.tsx'

/** A page that comes with its own script when somebody goes there: the inbox stays small (T165). */
const later = <Name extends string, Props extends object = object>(
  name: Name,
  load: () => Promise<{ [N in Name]: (props: Props) => ReactNode }>,
) => lazy(async () => ({ default: (await load())[name] }))

const AnalyticsPage = later('AnalyticsPage', () => import('./analytics/analytics-page.tsx'))
const AuditPage = later('AuditPage', () => import('./audit/audit-page.tsx'))
const ChannelEndpointsPage = later('ChannelEndpointsPage', () => import('./channels/endpoints-page.tsx'))
const ConnectionsPage = later('ConnectionsPage', () => import('./connections/connections-page.tsx'))
const ChannelsPage = later('ChannelsPage', () => import('./channels/channels-page.tsx'))
const CallbacksPage = later('CallbacksPage', () => import('./jobs/callbacks-page.tsx'))
const DeadLettersPage = later('DeadLettersPage', () => import('./jobs/dead-letters-page.tsx'))
const DevPage = later('DevPage', () => import('./dev/dev-page.tsx'))
const EmbedsPage = later('EmbedsPage', () => import('./embeds/embeds-page.tsx'))
const MailPage = later('MailPage', () => import('./mail/mail-page.tsx'))
const VerifiersPage = later('VerifiersPage', () => import('./verifiers/verifiers-page.tsx'))
const TenantsPage = later('TenantsPage', () => import('./tenants/tenants-page.tsx'))
const SlackPage = later('SlackPage', () => import('./slack/slack-page.tsx'))
const RoutingPage = later('RoutingPage', () => import('./routing/routing-page.tsx'))
const FormsPage = later('FormsPage', () => import('./forms/forms-page.tsx'))
const EnginePage = later('EnginePage', () => import('./jobs/engine-page.tsx'))
const KindsPage = later('KindsPage', () => import('./jobs/kinds-page.tsx'))
const JobsPage = later('JobsPage', () => import('./jobs/list-page.tsx'))
const OverviewPage = later('OverviewPage', () => import('./jobs/overview-page.tsx'))
const QueuesPage = later('QueuesPage', () => import('./jobs/queues-page.tsx'))
const SchedulesPage = later('SchedulesPage', () => import('./jobs/schedules-page.tsx'))
const KeyringPage = later('KeyringPage', () => import('./keyring/keyring-page.tsx'))
const InstallationPage = later('InstallationPage', () => import('./pages/installation-page.tsx'))
const RecordPage = later('RecordPage', () => import('./record/record-page.tsx'))
const EditorPage = later('EditorPage', () => import('./policies/editor-page.tsx'))
const InForcePage = later('InForcePage', () => import('./policies/in-force-page.tsx'))
const SimulatorPage = later('SimulatorPage', () => import('./policies/simulator-page.tsx'))
const TaskSettingsPage = later('TaskSettingsPage', () => import('./settings/task-settings-page.tsx'))
const DraftPage = later('DraftPage', () => import('./traffic/draft-page.tsx'))
const TrafficPage = later('TrafficPage', () => import('./traffic/traffic-page.tsx'))
const GrantPage = later('GrantPage', () => import('./grants/grant-page.tsx'))
const GrantsPage = later('GrantsPage', () => import('./grants/grants-page.tsx'))
const ProvidersPage = later('ProvidersPage', () => import('./providers/providers-page.tsx'))
const ProviderPage = later('ProviderPage', () => import('./providers/provider-page.tsx'))
const NewProviderPage = later('NewProviderPage', () => import('./providers/new-provider-page.tsx'))
const NewGrantPage = later('NewGrantPage', () => import('./grants/new-grant-page.tsx'))
const ConnectionPage = later('ConnectionPage', () => import('./connections/connection-page.tsx'))
const TrafficRequestPage = later('TrafficRequestPage', () => import('./traffic/request-page.tsx'))
const VaultPage = later('VaultPage', () => import('./vault/vault-page.tsx'))
const VersionsPage = later('VersionsPage', () => import('./policies/versions-page.tsx'))
const AnswerPage = later('AnswerPage', () => import('./answer/answer-page.tsx'))
const EventPage = later('EventPage', () => import('./audit/event-page.tsx'))
const CliPage = later('CliPage', () => import('./pages/cli-page.tsx'))
const ClaimPage = later('ClaimPage', () => import('./claim/claim-page.tsx'))
const ConnectPage = later('ConnectPage', () => import('./connect/connect-page.tsx'))
const ReturnPage = later('ReturnPage', () => import('./connect/return-page.tsx'))
const JobPage = later('JobPage', () => import('./jobs/job-page.tsx'))
const QueuePage = later('QueuePage', () => import('./jobs/queue-page.tsx'))
const AgentsPage = later('AgentsPage', () => import('./pages/agents-page.tsx'))
const InvitePage = later('InvitePage', () => import('./pages/invite-page.tsx'))
const PeoplePage = later('PeoplePage', () => import('./pages/people-page.tsx'))
const ProfilePage = later('ProfilePage', () => import('./pages/profile-page.tsx'))
const SetupPage = later('SetupPage', () => import('./pages/setup-page.tsx'))
const VersionPage = later('VersionPage', () => import('./policies/version-page.tsx'))
const RoutingPeoplePage = later('RoutingPeoplePage', () => import('./routing/people-page.tsx'))
const SlackLinkPage = later('SlackLinkPage', () => import('./slack/link-page.tsx'))
const ThreadPage = later('ThreadPage', () => import('./relay/thread-page.tsx'))
const ThreadsPage = later('ThreadsPage', () => import('./relay/threads-page.tsx'))
const UndeliveredPage = later('UndeliveredPage', () => import('./relay/undelivered-page.tsx'))
const ConnectionRequestPage = later('ConnectionRequestPage', () => import('./relay/request-page.tsx'))
const ConnectionRequestsPage = later('ConnectionRequestsPage', () => import('./relay/requests-page.tsx'))
const RelayGrantPage = later('RelayGrantPage', () => import('./relay/relay-grant-page.tsx'))
const RelayGrantsPage = later('RelayGrantsPage', () => import('./relay/relay-grants-page.tsx'))
const AgentPage = later('AgentPage', () => import('./relay/agent-page.tsx'))
const CardPage = later('CardPage', () => import('./relay/card-page.tsx'))
const CardsPage = later('CardsPage', () => import('./relay/cards-page.tsx'))
const ImportCardPage = later('ImportCardPage', () => import('./relay/import-card-page.tsx'))
const ListingPage = later('ListingPage', () => import('./relay/listing-page.tsx'))
const NewCardPage = later('NewCardPage', () => import('./relay/new-card-page.tsx'))
const TryPage = later('TryPage', () => import('./relay/try-page.tsx'))
const TenantPage = later('TenantPage', () => import('./tenants/tenant-page.tsx'))
const DeliveryPage = later('DeliveryPage', () => import('./webhooks/delivery-page.tsx'))
const WebhookPage = later('WebhookPage', () => import('./webhooks/endpoint-page.tsx'))
const WebhooksPage = later('WebhooksPage', () => import('./webhooks/list-page.tsx'))

export function App() {
  return (
    <Suspense fallback={<main className="p-8 text-muted">{t('Loading…')}</main>}>
      <Switch>
        <Route path="/setup" component={SetupPage} />
        <Route path="/login" component={SignInPage} />
        <Route path="/invite" component={InvitePage} />
        <Route path="/answer" component={AnswerPage} />
        <Route path="/connect/return" component={ReturnPage} />
        <Route path="/connect/:id">{({ id }) => <ConnectPage key={id} id={id} />}</Route>
        <Route path="/connect/:id/device">{({ id }) => <ConnectPage key={id} id={id} />}</Route>
        <Route>
          <Inside />
        </Route>
      </Switch>
    </Suspense>
  )
}

function Inside() {
  const me = useMe()
  const setup = useSetup(me.data === null)
  const [location] = useLocation()
  const search = useSearch()

  if (me.isPending || (me.data === null && setup.isPending)) return <main className="p-8 text-muted">{t('Loading…')}</main>
  if (me.data === undefined)
    return (
      <main className="mx-auto max-w-xl p-8">
        <Refusal error={me.error} />
      </main>
    )
  if (me.data === null)
    return (
      <Redirect
        to={setup.data?.needs_setup ? paths.setup() : paths.signIn(search ? `${location}?${search}` : location)}
        replace
      />
    )
  return (
    <SignedIn value={me.data}>
      <Shell>
        <Suspense fallback={<p className="text-muted">{t('Loading…')}</p>}>
          <Switch>
            <Route path="/">
              <Redirect to={paths.inbox()} replace />
            </Route>
            <Route path="/inbox" component={InboxPage} />
            <Route path="/tasks/:id">{({ id }) => <TaskPage key={id} id={id} />}</Route>
            <Route path="/tasks/:id/record" component={RecordPage} />
            <Route path="/analytics" component={AnalyticsPage} />
            <Route path="/agents" component={AgentsPage} />
            <Route path="/claim/:id">{({ id }) => <ClaimPage key={id} id={id} />}</Route>
            <Route path="/cli" component={CliPage} />
            <Route path="/people" component={PeoplePage} />
            <Route path="/connections" component={ConnectionsPage} />
            <Route path="/connections/:id">{({ id }) => <ConnectionPage key={id} id={id} />}</Route>
            <Route path="/providers" component={ProvidersPage} />
            <Route path="/providers/:name">{({ name }) => <ProviderPage key={name} name={name} />}</Route>
            <Route path="/define">
              <NewProviderPage name={null} />
            </Route>
            <Route path="/define/:name">{({ name }) => <NewProviderPage key={name} name={name} />}</Route>
            <Route path="/grants" component={GrantsPage} />
            <Route path="/grants/new" component={NewGrantPage} />
            <Route path="/grants/:id">{({ id }) => <GrantPage key={id} id={id} />}</Route>
            <Route path="/vault" component={VaultPage} />
            <Route path="/traffic" component={TrafficPage} />
            <Route path="/traffic/runs/:id">{({ id }) => <DraftPage key={id} id={id} />}</Route>
            <Route path="/traffic/:id">{({ id }) => <TrafficRequestPage key={id} id={id} />}</Route>
            <Route path="/threads" component={ThreadsPage} />
            <Route path="/threads/:id">{({ id }) => <ThreadPage key={id} id={id} />}</Route>
            <Route path="/undelivered" component={UndeliveredPage} />
            <Route path="/relay-grants" component={RelayGrantsPage} />
            <Route path="/relay-grants/:id">{({ id }) => <RelayGrantPage key={id} id={id} />}</Route>
            <Route path="/connection-requests" component={ConnectionRequestsPage} />
            <Route path="/connection-requests/:id">{({ id }) => <ConnectionRequestPage key={id} id={id} />}</Route>
            <Route path="/cards" component={CardsPage} />
            <Route path="/cards/new" component={NewCardPage} />
            <Route path="/cards/import" component={ImportCardPage} />
            <Route path="/cards/:id">{({ id }) => <CardPage key={id} id={id} />}</Route>
            <Route path="/cards/:id/try">{({ id }) => <TryPage key={id} id={id} />}</Route>
            <Route path="/listing" component={ListingPage} />
            <Route path="/listing/:slug">{({ slug }) => <AgentPage key={slug} slug={slug} />}</Route>
            <Route path="/routing" component={RoutingPage} />
            <Route path="/routing/people" component={RoutingPeoplePage} />
            <Route path="/channels" component={ChannelsPage} />
            <Route path="/channels/endpoints" component={ChannelEndpointsPage} />
            <Route path="/channels/slack" component={SlackPage} />
            <Route path="/channels/mail" component={MailPage} />
            <Route path="/channels/embeds" component={EmbedsPage} />
            <Route path="/slack-link" component={SlackLinkPage} />
            <Route path="/tenants" component={TenantsPage} />
            <Route path="/settings" component={TenantPage} />
            <Route path="/settings/tasks" component={TaskSettingsPage} />
            <Route path="/policies" component={InForcePage} />
            <Route path="/policies/editor" component={EditorPage} />
            <Route path="/policies/versions" component={VersionsPage} />
            <Route path="/policies/versions/:version">{({ version }) => <VersionPage key={version} version={version} />}</Route>
            <Route path="/policies/simulator" component={SimulatorPage} />
            <Route path="/profile" component={ProfilePage} />
            <Route path="/queue" component={OverviewPage} />
            <Route path="/jobs" component={JobsPage} />
            <Route path="/jobs/:id">{({ id }) => <JobPage key={id} id={id} />}</Route>
            <Route path="/queues" component={QueuesPage} />
            <Route path="/queues/:name">{({ name }) => <QueuePage key={name} name={name} />}</Route>
            <Route path="/kinds" component={KindsPage} />
            <Route path="/schedules" component={SchedulesPage} />
            <Route path="/dead-letters" component={DeadLettersPage} />
            <Route path="/callbacks" component={CallbacksPage} />
            <Route path="/engine" component={EnginePage} />
            <Route path="/installation" component={InstallationPage} />
            <Route path="/keyring" component={KeyringPage} />
            <Route path="/verifiers" component={VerifiersPage} />
            <Route path="/forms" component={FormsPage} />
            <Route path="/webhooks" component={WebhooksPage} />
            <Route path="/webhooks/:id">{({ id }) => <WebhookPage key={id} id={id} />}</Route>
            <Route path="/deliveries/:id">{({ id }) => <DeliveryPage key={id} id={id} />}</Route>
            <Route path="/audit" component={AuditPage} />
            <Route path="/audit/:id">{({ id }) => <EventPage key={id} id={id} />}</Route>
            <Route path="/dev" component={DevPage} />
            <Route component={NowherePage} />
          </Switch>
        </Suspense>
      </Shell>
    </SignedIn>
  )
}
