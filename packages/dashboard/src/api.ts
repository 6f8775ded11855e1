// The one client of the pages: the same that every other user of the API has, with the session cookie where they have a key.
import { createClient } from '@countersign/sdk'

export const api = createClient({ url: location.origin, key: null, credentials: 'same-origin' })
