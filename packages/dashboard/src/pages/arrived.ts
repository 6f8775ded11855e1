// The token behind the # of the link by which somebody came: to claim an agent, to sign a command in, or to say that they are who they are in Slack. It is read as the site opens and taken out of
// the address bar at once, for whoever has to sign in first comes back without it, and those pages are loaded later than that. It lives in memory, and nowhere else.
import { paths } from '../paths.ts'
import { fragmentToken } from './entrance.tsx'

const { pathname, search } = location
const isOurs = pathname.startsWith('/claim/') || pathname === paths.slackLink() || pathname === paths.cli()
const token = isOurs ? fragmentToken() : ''
if (token !== '') history.replaceState(null, '', pathname + search)

/** Empty where the site was opened otherwise. */
export const arrivedToken = (): string => token
