// The sections of the page about channels.
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'

export const CHANNELS = [
  { name: t('All'), path: paths.channels() },
  { name: t('Slack'), path: paths.slack() },
  { name: t('Mail'), path: paths.mail() },
  { name: t('Endpoints'), path: paths.channelEndpoints() },
  { name: t('Embedded pages'), path: paths.embeds() },
] as const
