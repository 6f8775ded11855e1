// The jobs of cards: one verb each. Their payloads are empty: the tenant is the job's.
import { defineKind, type Kind } from '@countersign/queue'
import { systemScope } from '../../db/scope.ts'
import type { CardsHouse } from './house.ts'
import { END_KEYS, endCardKeys, RESIGN, resignCards } from './rotate.ts'

export const cardJobs = (house: CardsHouse): Kind[] => [
  defineKind(RESIGN, {
    keepOutput: false,
    run: ({ tenantId }) => resignCards(house, systemScope('relay', tenantId)),
  }) as Kind,
  defineKind(END_KEYS, {
    keepOutput: false,
    run: ({ tenantId }) => endCardKeys(house, systemScope('relay', tenantId)),
  }) as Kind,
]
