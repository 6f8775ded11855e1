// Somebody followed the link from Slack and has signed in: one press says that both are the same person. Opening the page says nothing.
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { useUser } from '../me.ts'
import { arrivedToken } from '../pages/arrived.ts'
import { fragmentToken } from '../pages/entrance.tsx'
import { paths } from '../paths.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'

export function SlackLinkPage() {
  useTitle(t('You in Slack'))
  const me = useUser()
  const [token] = useState(() => arrivedToken() || fragmentToken())
  const link = useMutation({ mutationFn: () => api.call('POST /channels/slack/link', { body: { token } }) })
  return (
    <div className="flex max-w-xl flex-col gap-5">
      <PageTitle title={t('You in Slack')} />
      <Refusal error={link.error} />
      {!token && <Banner tone="warning">{t('Open this page by the link that Slack showed you.')}</Banner>}
      {link.isSuccess ? (
        <Banner tone="success">
          {rich(
            'From now on you are {name} in Slack too. Go back there and press the button again. <link>Or stay here: your inbox.</link>',
            { name: visible(me.display_name), link: (words) => <Link href={paths.inbox()}>{words}</Link> },
          )}
        </Banner>
      ) : (
        <Card title={t('Is it you, {name}?', { name: visible(me.display_name) })}>
          <p>
            {t(
              'What you press in Slack will count as yours. Go on only if you asked for this link in Slack yourself, a moment ago.',
            )}
          </p>
          <div>
            <Button
              tone="primary"
              reason={token ? undefined : t('The link is missing.')}
              busy={link.isPending}
              onClick={() => link.mutate()}
            >
              {t('Yes, that is me in Slack')}
            </Button>
          </div>
        </Card>
      )}
    </div>
  )
}
