// A client that proves itself by a signature instead of a secret (RFC 7523 §2.2, `private_key_jwt`): an assertion of its own for each call, good for two minutes
// and for one server. The key stays here; the provider has its public half.
import * as oauth from 'oauth4webapi'
import type { Secret } from '../../../crypto/secret.ts'
import { readSigningKey, SigningKeyFault } from '../../../crypto/signing-key.ts'
import { ProviderFault } from './fault.ts'

/** V42 allows five minutes; nobody needs more than a call takes. */
const LIFE_SECONDS = 120

/** `audienceOf`: the issuer, or where nobody announced one the token endpoint itself (RFC 7523 §3). */
export function signedAssertion(
  secret: Secret,
  keyId: string | null,
  audienceOf: (as: oauth.AuthorizationServer) => string,
): oauth.ClientAuth {
  return async (as, client, body, headers) => {
    const { key, alg, kid } = await keyOf(secret)
    const name = keyId ?? kid
    const sign = oauth.PrivateKeyJwt(name === null ? key : { key, kid: name }, {
      [oauth.modifyAssertion]: (header, payload) => {
        // The library writes the newer name of Ed25519, which few servers know.
        header.alg = alg
        payload.aud = audienceOf(as)
        payload.exp = (payload.iat as number) + LIFE_SECONDS
        // A server whose clock is a second behind would refuse one that is not good yet.
        delete payload.nbf
      },
    })
    await sign(as, client, body, headers)
  }
}

async function keyOf(secret: Secret) {
  try {
    return await readSigningKey(secret.reveal())
  } catch (error) {
    if (!(error instanceof SigningKeyFault)) throw error
    throw new ProviderFault('unusable', 'client_key_invalid', { said: error.message, cause: error })
  }
}
