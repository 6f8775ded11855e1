// Somebody followed the link from Slack and has signed in: one press says that both are the same person. Opening the page says nothing.
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { useUser } from '../me.ts'
import { fragmentToken } from '../pages/entrance.tsx'
import { paths } from '../paths.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'

// Read when the site was opened: whoever has to sign in first comes back here without what stood behind the #.
const arrived = location.pathname === paths.slackLink() ? fragmentToken() : ''

export function SlackLinkPage() {
  useTitle('You in Slack')
  const me = useUser()
  const [token] = useState(() => fragmentToken() || arrived)
  const link = useMutation({ mutationFn: () => api.call('POST /channels/slack/link', { body: { token } }) })
  return (
    <div className="flex max-w-xl flex-col gap-5">
      <PageTitle title="You in Slack" />
      <Refusal error={link.error} />
      {!token && <Banner tone="warning">Open this page by the link that Slack showed you.</Banner>}
      {link.isSuccess ? (
        <Banner tone="success">
          From now on you are {visible(me.display_name)} in Slack too. Go back there and press the button again.{' '}
          <Link href={paths.inbox()}>Or stay here: your inbox.</Link>
        </Banner>
      ) : (
        <Card title={`Is it you, ${visible(me.display_name)}?`}>
          <p>
            What you press in Slack will count as yours. Go on only if you asked for this link in Slack yourself, a moment ago.
          </p>
          <div>
            <Button
              tone="primary"
              reason={token ? undefined : 'The link is missing.'}
              busy={link.isPending}
              onClick={() => link.mutate()}
            >
              Yes, that is me in Slack
            </Button>
          </div>
        </Card>
      )}
    </div>
  )
}
