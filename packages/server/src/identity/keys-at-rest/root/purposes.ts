// Which purposes of the root key outlive a version, and in what form. Holds nothing by itself.
import type { Purpose } from '../../../crypto/keyring.ts'

/** Ed25519: the public half stays, so that old signatures verify. */
export const SIGNING = ['audit-sign', 'webhook-ed25519', 'receipt', 'relay-sign'] as const satisfies readonly Purpose[]
export type SigningPurpose = (typeof SIGNING)[number]

/** Kept under the newer root: nobody is locked out who has not signed in since, and links in old mails still unsubscribe. */
export const KEPT = ['pepper', 'unsubscribe'] as const satisfies readonly Purpose[]
