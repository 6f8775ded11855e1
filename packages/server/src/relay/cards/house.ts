// What cards need of the relay's house.
import type { CardAlgorithm } from '../../crypto/card-signature.ts'
import type { RelayHouse } from '../house.ts'

export type CardsHouse = Pick<RelayHouse, 'db' | 'keyring' | 'log' | 'policies' | 'countersign' | 'origin'> & {
  /** Of keys that are made from now on; ES256 unless set (R14). */
  cardAlgorithm?: CardAlgorithm
}
