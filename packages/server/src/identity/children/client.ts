// A key that came as the secret of an OAuth client (RFC 6749 §2.3.1): whose it is, by the same checks as where it comes as a bearer. Throws what is wrong with it.
import type { Scope } from '../../db/scope.ts'
import type { RequestInfo } from '../../http/route.ts'
import { authenticate } from '../authenticate.ts'
import type { IdentityHouse } from '../house.ts'

export const clientOf =
  (house: IdentityHouse) =>
  (request: RequestInfo, secret: string): Promise<Scope | null> =>
    authenticate(
      house,
      Object.create(request, {
        header: { value: (name: string) => (name.toLowerCase() === 'authorization' ? `Bearer ${secret}` : undefined) },
        cookie: { value: () => undefined },
      }) as RequestInfo,
    )
