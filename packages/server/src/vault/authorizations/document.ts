// Who we are, for authorization servers that take the URL of a document as client id. The same for every tenant; nothing in it is secret.
import type { VaultHouse } from '../house.ts'
import { ourMetadata } from './protocol/registration.ts'
import { redirectUrl } from './show.ts'

type Origin = Pick<VaultHouse, 'origin'>

export const documentUrl = (house: Origin, provider: string): string => `${house.origin()}/.well-known/oauth-client/${provider}`

export const documentOf = (house: Origin, provider: string) => ({
  client_id: documentUrl(house, provider),
  ...ourMetadata({ name: 'Countersign', redirectUri: redirectUrl(house), origin: house.origin() }, 'none'),
})
