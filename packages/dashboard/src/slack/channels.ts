// The sections of the page about channels.
import { paths } from '../paths.ts'

export const CHANNELS = [
  { name: 'All', path: paths.channels() },
  { name: 'Slack', path: paths.slack() },
  { name: 'Mail', path: paths.mail() },
  { name: 'Endpoints', path: paths.channelEndpoints() },
  { name: 'Embedded pages', path: paths.embeds() },
] as const
