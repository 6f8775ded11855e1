// The token behind the # of the link that Slack showed. It is read as the site opens: whoever has to sign in first comes back without it, and the page itself is
// loaded later than that. It lives in memory, and nowhere else.
import { fragmentToken } from '../pages/entrance.tsx'
import { paths } from '../paths.ts'

/** Empty where the site was opened otherwise. */
export const arrived = location.pathname === paths.slackLink() ? fragmentToken() : ''
