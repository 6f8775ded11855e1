// The token behind the # of a claim link. It is read as the site opens and taken out of the address bar at once: whoever has to sign in first comes back without it. It lives in
// memory, and nowhere else.
import { fragmentToken } from '../pages/entrance.tsx'

const isClaim = location.pathname.startsWith('/claim/')
const token = isClaim ? fragmentToken() : ''
if (token !== '') history.replaceState(null, '', location.pathname + location.search)

/** Of the link by which this site was opened; empty where it was opened otherwise. */
export const arrivedToken = (): string => token
