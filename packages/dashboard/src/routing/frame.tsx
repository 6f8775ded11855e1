// What the pages of routing share: their frame, people to choose from, and the act that reads the pages again.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Sections } from '../ui/sections.tsx'

export type Pool = RouteAnswer<'GET /pools'>['data'][number]
export type RoutedPerson = RouteAnswer<'GET /routing/people'>['data'][number]

const PLACES = [
  { name: t('Pools'), path: paths.routing() },
  { name: t('People and labels'), path: paths.routingPeople() },
]

type Props = { title: string; aside?: ReactNode; children: ReactNode }

export function RoutingFrame({ title, aside, children }: Props) {
  const closed = closedTo(useUser(), 'task.route', t('decide who is asked'))
  return (
    <Sections name={t('Routing')} places={PLACES} title={title} aside={closed ? undefined : aside}>
      {closed ? <Banner tone="info">{closed}</Banner> : children}
    </Sections>
  )
}

export const useRouting = () => closedTo(useUser(), 'task.route', t('decide who is asked')) === undefined

export const usePools = () => {
  const enabled = useRouting()
  return useQuery({ queryKey: ['routing', 'pools'], queryFn: () => api.call('GET /pools', {}), enabled })
}

export const useRoutedPeople = () => {
  const enabled = useRouting()
  return useQuery({ queryKey: ['routing', 'people'], queryFn: () => api.call('GET /routing/people', {}), enabled })
}

/** Afterwards every page of routing is read again. */
export function useRoutingAct<T, A>(act: (given: A) => Promise<T>, done?: (answer: T) => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: done,
    onSettled: () => queries.invalidateQueries({ queryKey: ['routing'] }),
  })
}
