// Who is signed in, how one comes and goes, and what one's role opens. The cookie is the session; this file never holds a token.
import { Problem, type RouteBody } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { createContext, useContext } from 'react'
import { api } from './api.ts'
import { dropDrafts } from './draft-store.ts'
import { t } from './text/t.ts'

export type Me = Awaited<ReturnType<typeof api.me.get>>

/** The signed-in user; null when nobody is. */
export const useMe = () =>
  useQuery({
    queryKey: ['me'],
    queryFn: () =>
      api.me.get().catch((error: unknown) => {
        if (error instanceof Problem && error.status === 401) return null
        throw error
      }),
  })

const Signed = createContext<Me | null>(null)
export const SignedIn = Signed.Provider

/** The signed-in user, on a page that only such a one sees. */
export function useUser(): Me {
  const me = useContext(Signed)
  if (!me) throw new Error('This page stands outside of the signed-in part.')
  return me
}

/** Acts on what all tenants share, by the roles that have them where an installation began. */
const SHARED: Readonly<Record<string, readonly string[]>> = {
  'queue.pause': ['owner', 'admin', 'operator'],
  'queue.override': ['owner', 'admin'],
}

/** undefined when the role opens the act at all, else the sentence that says why not; who reaches only their own finds out by the server's answer. */
export const closedTo = (me: Me, action: string, act: string): string | undefined => {
  if (Object.hasOwn(me.may, action)) return undefined
  if (me.role !== null && SHARED[action]?.includes(me.role))
    return t('Queues and kinds are shared by all tenants: ask a host of this installation.')
  return t('The role {role} does not {act}.', { role: me.role, act })
}

export const useSetup = (enabled: boolean) => useQuery({ queryKey: ['setup'], queryFn: () => api.setup.status(), enabled })

export function useSetupOperator() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (form: RouteBody<'POST /setup/operator'>) => api.setup.operator(form),
    onSuccess: () => queries.resetQueries(),
  })
}

export function useSignIn() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (form: { login: string; password: string }) => api.auth.login(form),
    onSuccess: () => queries.resetQueries(),
  })
}

export function useSignOut() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: () => api.auth.logout(),
    onSettled: () => {
      dropDrafts()
      return queries.resetQueries()
    },
  })
}
