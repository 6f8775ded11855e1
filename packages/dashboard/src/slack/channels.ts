// The sections of the page about channels.
import { paths } from '../paths.ts'

export const CHANNELS = [
  { name: 'Slack', path: paths.slack() },
  { name: 'Mail', path: paths.mail() },
  { name: 'Embedded pages', path: paths.embeds() },
] as const
