// What cards need of the relay's house.
import type { RelayHouse } from '../house.ts'

export type CardsHouse = Pick<RelayHouse, 'db' | 'keyring' | 'log' | 'policies' | 'countersign' | 'origin' | 'cardAlgorithm'>
